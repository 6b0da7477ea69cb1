/**
 * `rate`, `increase` and `delta`: how much a series changes over a window, extrapolated to the window's ends.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#rate
 */
import { quoteText } from '../../literal/quote.ts';

import { scale } from '../histogram-arithmetic.ts';
import { labelValue } from '../labels.ts';
import { isMixed, type RangeSeries, type Window } from '../samples.ts';
import { extendedChange } from './extended.ts';
import { histogramChange } from './histogram-rate.ts';
import { type RangeCall, type RangeFunction, type RangeResult, warnMixed } from './range-call.ts';
import { noteOverlap, startsAnew } from './start-times.ts';

/** What the three functions differ in. */
export interface Change {
  readonly isCounter: boolean;
  readonly perSecond: boolean;
}

const RATE: Change = { isCounter: true, perSecond: true };
const INCREASE: Change = { isCounter: true, perSecond: false };
const DELTA: Change = { isCounter: false, perSecond: false };

/** What each of the functions does, by its name. */
export const CHANGES: ReadonlyMap<string, Change> = new Map([
  ['rate', RATE],
  ['increase', INCREASE],
  ['delta', DELTA],
]);

/** The increase per second of a counter. */
export const rate = changeOver(RATE);
/** The increase of a counter. */
export const increase = changeOver(INCREASE);
/** The difference between the ends of a gauge. */
export const delta = changeOver(DELTA);

function changeOver(change: Change): RangeFunction {
  return (window, call) => {
    if (call.modifier !== undefined) {
      const extended = extendedChange(window, call, change.isCounter);
      if (extended === undefined) return undefined;
      if (change.isCounter && typeof extended === 'number') noteNonCounter(window, call);
      const seconds = change.perSecond ? call.rangeMs / 1000 : 1;
      return typeof extended === 'number' ? extended / seconds : scale(extended, 1 / seconds);
    }
    return extrapolatedChange(window, call, change);
  };
}

function extrapolatedChange(window: Window, call: RangeCall, change: Change): RangeResult {
  const { series, from, to, afterMs } = window;
  const { values, startTimesMs, histograms } = series;
  if (histograms !== undefined && histograms[from] !== undefined) {
    return isMixed(window) ? warnMixed(window, call) : changeOfHistograms(window, call, change);
  }
  if (change.isCounter && window.memo === undefined) noteNonCounter(window, call);
  if (histograms !== undefined && isMixed(window)) return warnMixed(window, call);
  const startedMs = startTimesMs === undefined || !change.isCounter ? 0 : startWithin(window);
  if (to - from < 2 && startedMs === 0) return undefined;
  const first = values[from] ?? 0;
  let difference = (values[to - 1] ?? 0) - first;
  if (startedMs !== 0) difference += first;
  if (change.isCounter) difference += lostByResets(window);
  if (startTimesMs !== undefined && change.isCounter) noteOverlap(window, call);
  const back = change.isCounter && difference > 0 && first >= 0 ? first / difference : Infinity;
  const factor = windowFactor(series.timesMs, from, to, afterMs, window.untilMs, startedMs, back);
  return change.perSecond ? (difference * factor) / (call.rangeMs / 1000) : difference * factor;
}

function changeOfHistograms(window: Window, call: RangeCall, change: Change): RangeResult {
  const { series, from, to, afterMs, untilMs } = window;
  const startedMs = change.isCounter ? startWithin(window) : 0;
  if (to - from < 2 && startedMs === 0) return undefined;
  const difference = histogramChange(window, call, change.isCounter, startedMs !== 0);
  if (difference === undefined) return undefined;
  const first = series.histograms?.[from]?.count ?? 0;
  const grows = change.isCounter && difference.count > 0 && first >= 0;
  const back = grows ? first / difference.count : Infinity;
  const factor = windowFactor(series.timesMs, from, to, afterMs, untilMs, startedMs, back);
  return scale(difference, change.perSecond ? factor / (call.rangeMs / 1000) : factor);
}

/** When the first sample's counter began, if that was within the window; else 0. */
function startWithin({ series, from, afterMs }: Window): number {
  const startedMs = series.startTimesMs?.[from] ?? 0;
  return startedMs > afterMs && startedMs < (series.timesMs[from] ?? 0) ? startedMs : 0;
}

/** What the counter had reached before each of its resets in the window. */
function lostByResets(window: Window): number {
  const { series, from, to } = window;
  window.memo ??= { resets: resetsOf(series), next: 0 };
  const { memo } = window;
  const { resets } = memo;
  while (memo.next < resets.length && (resets[memo.next] ?? 0) <= from) memo.next++;
  let lost = 0;
  for (let at = memo.next; at < resets.length; at++) {
    const reset = resets[at] ?? 0;
    if (reset >= to) break;
    lost += series.values[reset - 1] ?? 0;
  }
  return lost;
}

function resetsOf(series: RangeSeries): number[] {
  const { values, startTimesMs } = series;
  const resets: number[] = [];
  for (let at = 1; at < values.length; at++) {
    const falls = (values[at] ?? 0) < (values[at - 1] ?? 0);
    if (falls || (startTimesMs !== undefined && startsAnew(series, at))) resets.push(at);
  }
  return resets;
}

/**
 * How much longer the window is than the time between its samples.
 *
 * A series that begins or ends within the window is extended by half the average distance of its samples, and a counter
 * not further back than to zero.
 *
 * The arguments are plain numbers, since this runs once for each series and step.
 *
 * @param startedMs - when the counter began if that was within the window, else 0
 * @param back - how many times the sampled time the counter needs, at its pace, from zero to the first sample
 */
function windowFactor(
  timesMs: Float64Array,
  from: number,
  to: number,
  afterMs: number,
  untilMs: number,
  startedMs: number,
  back: number,
): number {
  const first = timesMs[from] ?? 0;
  const last = timesMs[to - 1] ?? 0;
  if (to - from < 2) return 1;
  const average = (last - first) / (to - from - 1);
  const limit = average * 1.1;
  let sampled = last - first;
  let left = 0;
  if (startedMs === 0) {
    left = first - afterMs;
    if (left >= limit) left = average / 2;
    left = Math.min(left, sampled * back);
  } else sampled = last - startedMs;
  let right = untilMs - last;
  if (right >= limit) right = average / 2;
  return (sampled + left + right) / sampled;
}

const COUNTER_NAME = /_(?:total|sum|count|bucket)$/;

/** Says that a metric may be no counter, if its name or type does not say that it is one. */
export function noteNonCounter(
  { series: { labels, metricName } }: Pick<Window, 'series'>,
  call: Omit<RangeCall, 'scalars'>,
): void {
  if (metricName === '') return;
  if (call.typeLabels) {
    const type = labelValue(labels, '__type__');
    if (type === 'counter' || type === 'histogram') return;
    call.annotations.info(
      `metric might not be a counter, __type__ label is not set to "counter" or "histogram", got ${quoteText(type)}: ${quoteText(metricName)}`,
      call.place,
    );
  } else if (!COUNTER_NAME.test(metricName)) {
    call.annotations.info(
      `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quoteText(metricName)}`,
      call.place,
    );
  }
}
