/**
 * Whether a group has samples of a range of time.
 */
import type { TimeRange } from '../../promql/evaluate/storage.ts';
import type { TimeLimit } from './settings.ts';

/**
 * The part of a range that a group is asked for.
 *
 * @returns undefined if the whole range lies outside
 */
export function withinLimits(
  range: TimeRange,
  limits: readonly TimeLimit[],
  nowMs: number,
): TimeRange | undefined {
  let { afterMs, untilMs } = range;
  for (const limit of limits) {
    const { startMs, endMs } = edgesOf(limit, nowMs);
    if (untilMs < startMs || afterMs >= endMs) return undefined;
    if (!limit.truncate) continue;
    // The range begins after its first instant, so that the start itself stays in it.
    afterMs = Math.max(afterMs, startMs - 1);
    untilMs = Math.min(untilMs, endMs);
  }
  return afterMs < untilMs ? { afterMs, untilMs } : undefined;
}

function edgesOf({ kind, start, end }: TimeLimit, nowMs: number) {
  const base = kind === 'relative' ? nowMs : 0;
  return {
    startMs: start === undefined ? -Infinity : base + start,
    endMs: end === undefined ? Infinity : base + end,
  };
}
