/**
 * Holes that all series of a group have in common: no server has scraped anything then.
 */
import { isStale, wordsOf } from '../../promql/evaluate/stale.ts';
import type { SeriesBlock, TimeRange } from '../../promql/evaluate/storage.ts';
import { liveIndex, liveTime, liveUntil, medianGapMs, replicaSeries } from './replica-series.ts';

/** A distance of so many intervals is a hole that a reader wants to know of. */
const MIN_INTERVALS = 3;
const MAX_HOLES = 20;

/** @returns from the last sample before each hole to the first one after it */
export function commonHoles(series: readonly SeriesBlock[]): readonly TimeRange[] {
  const longest = series.reduce<SeriesBlock | undefined>(
    (a, b) => (a === undefined || b.timesMs.length > a.timesMs.length ? b : a),
    undefined,
  );
  if (longest === undefined) return [];
  let holes = holesOf(longest);
  for (const block of series) {
    if (holes.length === 0) break;
    if (block === longest) continue;
    const other = replicaSeries(block);
    holes = holes.flatMap(({ afterMs, untilMs }) => {
      // Each instance is scraped at its own time, so a hole is only what no series has samples of.
      const within = liveUntil(other, afterMs);
      const end = liveUntil(other, untilMs);
      if (end - within > 2) return [];
      const middleMs = (afterMs + untilMs) / 2;
      let fromMs = afterMs;
      let toMs = untilMs;
      for (let nth = within; nth < end; nth++) {
        const timeMs = liveTime(other, nth);
        if (timeMs <= middleMs) fromMs = timeMs;
        else toMs = Math.min(toMs, timeMs);
      }
      return (toMs - fromMs) * 2 > untilMs - afterMs ? [{ afterMs: fromMs, untilMs: toMs }] : [];
    });
  }
  return holes;
}

function holesOf(block: SeriesBlock): readonly TimeRange[] {
  const series = replicaSeries(block);
  const median = medianGapMs(series);
  if (median === undefined) return [];
  const words = wordsOf(block.values);
  const holes: TimeRange[] = [];
  for (let nth = 1; nth < series.liveCount && holes.length < MAX_HOLES; nth++) {
    const afterMs = liveTime(series, nth - 1);
    const untilMs = liveTime(series, nth);
    if (untilMs - afterMs < MIN_INTERVALS * median) continue;
    // A series that ended and came back says nothing about the servers.
    const next = liveIndex(series, nth - 1) + 1;
    if (!isStale(words, next)) holes.push({ afterMs, untilMs });
  }
  return holes;
}
