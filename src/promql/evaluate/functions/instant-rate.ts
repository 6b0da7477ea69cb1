/**
 * `irate` and `idelta`: the change between the last two samples of a window.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#irate
 */
import { isCustom } from '../histogram.ts';
import { combine, detectsReset, scale } from '../histogram-arithmetic.ts';
import type { RangeSeries, Window } from '../samples.ts';
import { noteBounds, warnSchemas } from './histogram-rate.ts';
import { type RangeCall, type RangeResult, warnMixed } from './range-call.ts';
import { quotedName, startsAnew } from './start-times.ts';

/** The increase per second of a counter between its last two samples. */
export function irate(window: Window, call: RangeCall): RangeResult {
  return lastChange(window, call, true);
}

/** The difference between the last two samples of a gauge. */
export function idelta(window: Window, call: RangeCall): RangeResult {
  return lastChange(window, call, false);
}

function lastChange(window: Window, call: RangeCall, isCounter: boolean): RangeResult {
  const { series, from, to } = window;
  if (to - from < 2) return undefined;
  const seconds = ((series.timesMs[to - 1] ?? 0) - (series.timesMs[to - 2] ?? 0)) / 1000;
  if (seconds === 0) return undefined;
  const last = series.histograms?.[to - 1];
  const previous = series.histograms?.[to - 2];
  if ((last === undefined) !== (previous === undefined)) return warnMixed(window, call);
  if (last !== undefined) {
    return lastHistogramChange(window, call, isCounter ? 1 / seconds : undefined);
  }
  const value = floatChange(series, to - 1, isCounter);
  return isCounter ? value / seconds : value;
}

function floatChange({ values, ...series }: RangeSeries, at: number, isCounter: boolean): number {
  const last = values[at] ?? 0;
  const previous = values[at - 1] ?? 0;
  if (isCounter && (last < previous || startsAnew({ values, ...series }, at))) return last;
  return last - previous;
}

/** @param factor - undefined for `idelta` */
function lastHistogramChange(
  window: Window,
  call: RangeCall,
  factor: number | undefined,
): RangeResult {
  const { series, to } = window;
  const last = series.histograms?.[to - 1];
  const previous = series.histograms?.[to - 2];
  if (last === undefined || previous === undefined) return undefined;
  const gauges = [last, previous].filter((histogram) => histogram.hint === 'gauge').length;
  if (factor !== undefined && gauges > 0) {
    call.annotations.warn(
      `this native histogram metric is not a counter: ${quotedName(window)}`,
      call.place,
    );
  }
  if (factor === undefined && gauges < 2) {
    call.annotations.warn(
      `this native histogram metric is not a gauge: ${quotedName(window)}`,
      call.place,
    );
  }
  const anew = factor !== undefined && (detectsReset(last, previous) || startsAnew(series, to - 1));
  if (anew) return scale({ ...last, hint: 'gauge' }, factor);
  if (isCustom(last) !== isCustom(previous)) return warnSchemas(window, call);
  const difference = combine(last, previous, -1);
  if (difference === undefined) return warnSchemas(window, call);
  if (difference.boundsDiffered) noteBounds(call, 'subtraction');
  return scale({ ...difference.histogram, hint: 'gauge' }, factor ?? 1);
}
