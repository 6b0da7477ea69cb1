/**
 * Fills the holes of one replica's series from another replica.
 *
 * Replicas scrape at different times, so their samples do not coincide. All samples of one of them, the base, are
 * kept. Where it misses scrapes, the other one's samples are taken, but none that is so near to a sample of the base
 * that it stands for the same scrape: a rate sees each increase once, and a count counts each scrape once.
 */
import { isStale, wordsOf } from '../../promql/evaluate/stale.ts';
import {
  isRising,
  levelAt,
  liveIndex,
  liveTime,
  liveUntil,
  medianGapMs,
  type ReplicaSeries,
  samplesUntil,
} from './replica-series.ts';
import { Runs } from './runs.ts';

/** How samples of replicas are told from samples of the same scrape. */
export interface MergeRules {
  /** Samples of two replicas that are nearer than this are of the same scrape. */
  readonly antiAffinityMs: number;
  /** Half of the median distance of a series' samples takes the place of `antiAffinityMs`. */
  readonly dynamic: boolean;
  /** The greatest value of one scrape is taken. */
  readonly preferMax: boolean;
}

/** Two scrapes further apart than so many intervals have missed one in between. */
const MISSED_INTERVALS = 1.5;

/** A stretch without a live sample of the base, and what may be taken for it. */
interface Hole {
  /** The live samples of the base around it, by their number; -1 and their count at the ends. */
  readonly before: number;
  readonly after: number;
  /** Samples of the other replica, by their index. */
  from: number;
  to: number;
}

/** Distances that tell one scrape from the next. */
interface Distances {
  /** Samples that are nearer than this stand for the same scrape. */
  readonly sameMs: number;
  /** A longer distance between two samples of the base is a hole. */
  readonly holeMs: number;
  /** The other replica shows a hole at an end of the base if it has samples beyond the end by this. */
  readonly endMs: number;
  /** Clocks of replicas may differ by this. */
  readonly skewMs: number;
}

/** @returns the base with samples of the other replica in its holes */
export function fillHoles(base: ReplicaSeries, other: ReplicaSeries, rules: MergeRules) {
  const distances = distancesOf(base, rules);
  const holes = holesOf(base, other, distances);
  if (holes.length === 0 && base.live === undefined) return base.block;
  const runs = new Runs();
  const rises = holes.length > 0 && isRising(base) && isRising(other);
  // A scrape that fails leaves a marker; a series that goes on in any replica has not ended.
  const nearMs = distances.holeMs;
  const isFalse: IsFalse = (timeMs) =>
    livesOn(other, timeMs, nearMs) || livesOn(base, timeMs, nearMs);
  let done = 0;
  for (const hole of holes) {
    if (rises) dropFalseResets(hole, base, other, distances.skewMs);
    if (hole.from >= hole.to) continue;
    const start = hole.before < 0 ? 0 : liveIndex(base, hole.before) + 1;
    const end =
      hole.after >= base.liveCount ? base.block.timesMs.length : liveIndex(base, hole.after);
    addLasting(runs, base, done, start, isFalse);
    addHole(runs, hole, { base, other, start, end, isFalse });
    done = end;
  }
  addLasting(runs, base, done, base.block.timesMs.length, isFalse);
  return runs.finish(base.block);
}

/** Whether a stale marker at a time is false. */
type IsFalse = (timeMs: number) => boolean;

/** Adds samples of a replica, without false stale markers. */
function addLasting(
  runs: Runs,
  { block, live }: ReplicaSeries,
  start: number,
  end: number,
  isFalse: IsFalse,
): void {
  let from = start;
  if (live !== undefined) {
    const words = wordsOf(block.values);
    for (let at = start; at < end; at++) {
      if (!isStale(words, at) || !isFalse(block.timesMs[at] ?? 0)) continue;
      runs.add(block, from, at);
      from = at + 1;
    }
  }
  runs.add(block, from, end);
}

/** Whether a series has a live sample soon after a time. */
function livesOn(series: ReplicaSeries, timeMs: number, nearMs: number): boolean {
  return liveUntil(series, timeMs) < liveUntil(series, timeMs + nearMs);
}

function distancesOf(base: ReplicaSeries, { antiAffinityMs, dynamic }: MergeRules): Distances {
  const median = medianGapMs(base);
  const half = median === undefined ? antiAffinityMs : median / 2;
  const sameMs = dynamic ? half : Math.min(antiAffinityMs, half);
  return {
    sameMs,
    holeMs: Math.max(2 * sameMs, MISSED_INTERVALS * (median ?? 0)),
    endMs: Math.max(sameMs, median ?? 0),
    skewMs: antiAffinityMs + sameMs,
  };
}

function holesOf(base: ReplicaSeries, other: ReplicaSeries, distances: Distances): Hole[] {
  const { sameMs, holeMs, endMs } = distances;
  const last = base.liveCount - 1;
  const holes: Hole[] = [];
  const firstMs = liveTime(base, 0);
  if (other.liveCount > 0 && liveTime(other, 0) <= firstMs - endMs) {
    holes.push({ before: -1, after: 0, from: 0, to: beforeTime(other, firstMs - sameMs) });
  }
  let endsMs = firstMs;
  for (let nth = 0; nth < last; nth++) {
    const startMs = endsMs;
    endsMs = liveTime(base, nth + 1);
    if (endsMs - startMs <= holeMs) continue;
    const from = samplesUntil(other.block, startMs + sameMs);
    const to = beforeTime(other, endsMs - sameMs);
    const isSeen = liveUntil(other, startMs + sameMs) < liveUntil(other, endsMs - sameMs);
    if (isSeen) holes.push({ before: nth, after: nth + 1, from, to });
  }
  const lastMs = liveTime(base, last);
  if (other.liveCount > 0 && liveTime(other, other.liveCount - 1) >= lastMs + endMs) {
    const from = samplesUntil(other.block, lastMs + sameMs);
    holes.push({ before: last, after: last + 1, from, to: other.block.timesMs.length });
  }
  return holes;
}

/** How many samples are earlier than a time. */
function beforeTime({ block }: ReplicaSeries, timeMs: number): number {
  const until = samplesUntil(block, timeMs);
  return until > 0 && block.timesMs[until - 1] === timeMs ? until - 1 : until;
}

/**
 * Takes samples off the ends of a hole that would make a counter fall where it did not.
 *
 * With clocks that differ, the other replica's first sample in the hole can be of an earlier instant than the base's
 * last one. A rate would take the fall for a reset, and count the whole counter again.
 */
function dropFalseResets(
  hole: Hole,
  base: ReplicaSeries,
  other: ReplicaSeries,
  skewMs: number,
): void {
  const { timesMs } = other.block;
  if (hole.before >= 0) {
    const level = levelAt(base.block, liveIndex(base, hole.before));
    const untilMs = liveTime(base, hole.before) + skewMs;
    while (hole.from < hole.to && (timesMs[hole.from] ?? 0) <= untilMs) {
      const own = levelAt(other.block, hole.from);
      const hasFallen = hole.from > 0 && levelAt(other.block, hole.from - 1) > own;
      if (!(own < level) || hasFallen) break;
      hole.from++;
    }
  }
  if (hole.after < base.liveCount) {
    const level = levelAt(base.block, liveIndex(base, hole.after));
    const sinceMs = liveTime(base, hole.after) - skewMs;
    while (hole.from < hole.to && (timesMs[hole.to - 1] ?? 0) >= sinceMs) {
      const own = levelAt(other.block, hole.to - 1);
      const falls = hole.to < timesMs.length && levelAt(other.block, hole.to) < own;
      if (!(own > level) || falls) break;
      hole.to--;
    }
  }
}

interface Filling {
  readonly base: ReplicaSeries;
  readonly other: ReplicaSeries;
  /** The stale markers of the base that stand in the hole. */
  readonly start: number;
  readonly end: number;
  readonly isFalse: IsFalse;
}

/** Adds the samples of the other replica, and those markers of the base that are true. */
function addHole(runs: Runs, hole: Hole, { base, other, start, end, isFalse }: Filling): void {
  let next = hole.from;
  for (let marker = start; marker < end; marker++) {
    const timeMs = base.block.timesMs[marker] ?? 0;
    if (isFalse(timeMs)) continue;
    const until = Math.min(hole.to, Math.max(next, samplesUntil(other.block, timeMs)));
    addLasting(runs, other, next, until, isFalse);
    next = until;
    const isTaken = until > hole.from && other.block.timesMs[until - 1] === timeMs;
    if (!isTaken) runs.add(base.block, marker, marker + 1);
  }
  addLasting(runs, other, next, hole.to, isFalse);
}
