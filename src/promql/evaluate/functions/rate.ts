/**
 * `rate`, `increase` and `delta`: how much a series changes over a window, extrapolated to the window's ends.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#rate
 */
import { labelValue } from '../labels.ts';
import { isMixed, type Window } from '../samples.ts';
import { extendedChange } from './extended.ts';
import { histogramChange } from './histogram-rate.ts';
import { scale } from '../histogram-arithmetic.ts';
import { type RangeCall, type RangeFunction, type RangeResult, warnMixed } from './range-call.ts';
import { noteOverlap, startsAnew } from './start-times.ts';

/** What the three functions differ in. */
interface Change {
  readonly isCounter: boolean;
  readonly perSecond: boolean;
}

/** The increase per second of a counter. */
export const rate = changeOver({ isCounter: true, perSecond: true });
/** The increase of a counter. */
export const increase = changeOver({ isCounter: true, perSecond: false });
/** The difference between the ends of a gauge. */
export const delta = changeOver({ isCounter: false, perSecond: false });

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
  const { timesMs, values, startTimesMs, histograms } = series;
  const isHistogram = histograms !== undefined && histograms[from] !== undefined;
  if (histograms !== undefined && isMixed(window)) {
    if (change.isCounter) noteNonCounter(window, call);
    return warnMixed(window, call);
  }
  if (change.isCounter && !isHistogram) noteNonCounter(window, call);
  const firstMs = timesMs[from] ?? 0;
  const started = change.isCounter ? (startTimesMs?.[from] ?? 0) : 0;
  const fromStart = started !== 0 && started > afterMs && started < firstMs;
  if (to - from < 2 && !fromStart) return undefined;
  const begun = fromStart ? started : undefined;
  const perSecond = change.perSecond ? call.rangeMs / 1000 : 1;
  if (isHistogram) {
    const difference = histogramChange(window, call, change.isCounter, fromStart);
    if (difference === undefined) return undefined;
    const counted = { value: histograms[from]?.count ?? 0, rise: difference.count };
    const factor = windowFactor(window, begun, change.isCounter ? counted : undefined);
    return scale(difference, factor / perSecond);
  }
  const first = values[from] ?? 0;
  let difference = (values[to - 1] ?? 0) - first;
  if (fromStart) difference += first;
  if (change.isCounter) {
    let previous = values[from] ?? 0;
    for (let at = from + 1; at < to; at++) {
      const value = values[at] ?? 0;
      if (value < previous || (startTimesMs !== undefined && startsAnew(series, at))) {
        difference += previous;
      }
      previous = value;
    }
    if (startTimesMs !== undefined) noteOverlap(window, call);
  }
  const counted = change.isCounter ? { value: first, rise: difference } : undefined;
  return (difference * windowFactor(window, begun, counted)) / perSecond;
}

/**
 * How much longer the window is than the time between its samples.
 *
 * A series that begins or ends within the window is extended by half the average distance of its samples, and a counter
 * not further back than to zero.
 */
function windowFactor(
  window: Window,
  startedMs: number | undefined,
  counted: { readonly value: number; readonly rise: number } | undefined,
): number {
  const { series, from, to, afterMs, untilMs } = window;
  const { timesMs } = series;
  const first = timesMs[from] ?? 0;
  const last = timesMs[to - 1] ?? 0;
  if (to - from < 2) return 1;
  const average = (last - first) / 1000 / (to - from - 1);
  const limit = average * 1.1;
  let sampled = (last - first) / 1000;
  let left = (first - afterMs) / 1000;
  let right = (untilMs - last) / 1000;
  if (startedMs !== undefined) {
    sampled = (last - startedMs) / 1000;
    left = 0;
  } else {
    if (left >= limit) left = average / 2;
    if (counted !== undefined && counted.rise > 0 && counted.value >= 0) {
      left = Math.min(left, sampled * (counted.value / counted.rise));
    }
  }
  if (right >= limit) right = average / 2;
  return (sampled + left + right) / sampled;
}

const COUNTER_NAME = /_(?:total|sum|count|bucket)$/;

/** Says that a metric may be no counter, if its name or type does not say that it is one. */
function noteNonCounter(window: Window, call: RangeCall): void {
  const { labels, metricName } = window.series;
  if (metricName === '') return;
  if (call.typeLabels) {
    const type = labelValue(labels, '__type__');
    if (type === 'counter' || type === 'histogram') return;
    call.annotations.info(
      `metric might not be a counter, __type__ label is not set to "counter" or "histogram", got ${JSON.stringify(type)}: ${JSON.stringify(metricName)}`,
      call.place,
    );
  } else if (!COUNTER_NAME.test(metricName)) {
    call.annotations.info(
      `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${JSON.stringify(metricName)}`,
      call.place,
    );
  }
}
