/**
 * What start times say of a counter: whether the counter began anew, and whether the times make sense.
 */
import { quoteText } from '../../literal/quote.ts';

import type { RangeSeries, Window } from '../samples.ts';
import type { RangeCall } from './range-call.ts';

/** Whether the counter began anew between a sample and the one before it, by its start time. */
export function startsAnew(series: RangeSeries, at: number): boolean {
  const starts = series.startTimesMs;
  if (starts === undefined) return false;
  const started = starts[at] ?? 0;
  if (started === 0) return false;
  const previousMs = series.timesMs[at - 1] ?? 0;
  if (started > previousMs) return started < (series.timesMs[at] ?? 0);
  const before = starts[at - 1] ?? 0;
  return started === previousMs && before !== 0 && before < previousMs;
}

/** Says that in a window a start time lies before the previous sample without being that sample's own. */
export function noteOverlap(window: Window, call: RangeCall): void {
  const { series, from, to } = window;
  const starts = series.startTimesMs;
  if (starts === undefined) return;
  for (let at = from + 1; at < to; at++) {
    const started = starts[at] ?? 0;
    if (started !== 0 && started < (series.timesMs[at - 1] ?? 0) && started !== starts[at - 1]) {
      call.annotations.overlappingStart(series.metricName, call.place);
      return;
    }
  }
}

/** Quotes the name of a window's metric. */
export function quotedName(window: Window): string {
  return quoteText(window.series.metricName);
}
