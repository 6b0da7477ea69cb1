/**
 * Joins two copies of the same samples: series whose times coincide because they come from one scrape.
 */
import { isStale, wordsOf } from '../../promql/evaluate/stale.ts';
import type { ReplicaSeries } from './replica-series.ts';
import { Runs } from './runs.ts';

/** Copies have at least this share of the samples of the shorter one in common. */
const COMMON_SHARE = 0.5;

/** After so many samples of each, none of them common, two series are no copies. */
const ENOUGH = 8;

/** Whether two series are copies: their times are the same wherever both have samples. */
export function areCopies({ block: a }: ReplicaSeries, { block: b }: ReplicaSeries): boolean {
  let common = 0;
  let left = 0;
  let right = 0;
  const lengths = { a: a.timesMs.length, b: b.timesMs.length };
  let lefts = 0;
  let rights = 0;
  const startMs = Math.max(a.timesMs[0] ?? 0, b.timesMs[0] ?? 0);
  const endMs = Math.min(a.timesMs[lengths.a - 1] ?? 0, b.timesMs[lengths.b - 1] ?? 0);
  while (left < lengths.a && right < lengths.b) {
    const leftMs = a.timesMs[left] ?? 0;
    const rightMs = b.timesMs[right] ?? 0;
    const timeMs = Math.min(leftMs, rightMs);
    if (timeMs > endMs) break;
    if (common === 0 && lefts > ENOUGH && rights > ENOUGH) return false;
    const isWithin = timeMs >= startMs;
    if (leftMs === rightMs) common++;
    if (leftMs <= rightMs) {
      left++;
      if (isWithin) lefts++;
    }
    if (rightMs <= leftMs) {
      right++;
      if (isWithin) rights++;
    }
  }
  return common > 0 && common >= COMMON_SHARE * Math.min(lefts, rights);
}

/** All samples of both; where both have one, that of the first, unless it is a stale marker. */
export function unite(first: ReplicaSeries, second: ReplicaSeries) {
  const a = first.block;
  const b = second.block;
  const words = wordsOf(a.values);
  const [leftTimes, rightTimes] = [a.timesMs, b.timesMs];
  const lengths = { left: leftTimes.length, right: rightTimes.length };
  const runs = new Runs();
  let left = 0;
  let right = 0;
  while (left < lengths.left || right < lengths.right) {
    // Reads beyond the end would make an object of each time.
    const leftMs = left < lengths.left ? leftTimes[left]! : Infinity;
    const rightMs = right < lengths.right ? rightTimes[right]! : Infinity;
    const isCommon = leftMs === rightMs;
    const takesLeft = leftMs < rightMs || (isCommon && !isStale(words, left));
    if (takesLeft) runs.add(a, left, left + 1);
    else runs.add(b, right, right + 1);
    if (isCommon || takesLeft) left++;
    if (isCommon || !takesLeft) right++;
  }
  return runs.finish(a);
}
