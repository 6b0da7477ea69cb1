/**
 * How much native histograms change over a window, before extrapolation.
 */
import { EMPTY_HISTOGRAM, type Histogram, isCustom } from '../histogram.ts';
import { combine, detectsReset } from '../histogram-arithmetic.ts';
import { reduceSchema } from '../histogram-layout.ts';
import { histogramsOf, type Window } from '../samples.ts';
import { type RangeCall, warnMixed } from './range-call.ts';
import { noteOverlap, quotedName, startsAnew } from './start-times.ts';

/** What is subtracted if nothing counts before the second sample. */
function nothingLike(histogram: Histogram): Histogram {
  const { schema, customValues, zeroThreshold } = histogram;
  return { ...EMPTY_HISTOGRAM, schema, customValues, zeroThreshold };
}

/**
 * The difference between the last and the first histogram of a window.
 *
 * @param fromStart - the counter began within the window, so that the first histogram counts as well
 * @returns a gauge; undefined if the histograms cannot be compared
 */
export function histogramChange(
  window: Window,
  call: RangeCall,
  isCounter: boolean,
  fromStart: boolean,
): Histogram | undefined {
  const { series, from } = window;
  const points = histogramsOf(window);
  const first = points?.[0];
  const last = points?.at(-1);
  if (points === undefined || first === undefined || last === undefined)
    return warnMixed(window, call);
  noteHints(points, window, call, isCounter);
  let base = first;
  const second = points[1];
  const resetAtSecond =
    second !== undefined && (detectsReset(second, first) || startsAnew(series, from + 1));
  if (isCounter && resetAtSecond) base = nothingLike(second);
  const relevant = isCounter ? points.slice(1) : [last];
  if ([base, ...relevant].some((point) => isCustom(point) !== isCustom(last))) {
    return warnSchemas(window, call);
  }
  const schema = Math.min(...[base, ...relevant].map((point) => point.schema));
  let total = reduceSchema(last, schema);
  const subtracted = combine(total, fromStart ? nothingLike(last) : base, -1);
  if (subtracted === undefined) return warnSchemas(window, call);
  total = subtracted.histogram;
  if (subtracted.boundsDiffered) noteBounds(call, 'subtraction');
  if (isCounter) {
    let previous = fromStart ? first : base;
    for (let at = 1; at < points.length; at++) {
      const current = points[at] ?? last;
      if (
        detectsReset(current, previous) ||
        (startsAnew(series, from + at) && previous.count !== 0)
      ) {
        const added = combine(total, previous, 1);
        if (added === undefined) return warnSchemas(window, call);
        total = added.histogram;
        if (added.boundsDiffered) noteBounds(call, 'addition');
      }
      previous = current;
    }
    noteOverlap(window, call);
  }
  return { ...total, hint: 'gauge' };
}

/** Says that histograms do not say of themselves what the function takes them for. */
export function noteHints(
  points: readonly Histogram[],
  window: Window,
  call: RangeCall,
  isCounter: boolean,
): void {
  const name = quotedName(window);
  if (isCounter) {
    if (points.some((point) => point.hint === 'gauge')) {
      call.annotations.warn(`this native histogram metric is not a counter: ${name}`, call.place);
    }
  } else if (points[0]?.hint !== 'gauge' || points.at(-1)?.hint !== 'gauge') {
    call.annotations.warn(`this native histogram metric is not a gauge: ${name}`, call.place);
  }
}

/** Says that a window holds histograms with custom and with computed bounds. */
export function warnSchemas(window: Window, call: RangeCall): undefined {
  call.annotations.warn(
    `vector contains a mix of histograms with exponential and custom buckets schemas for metric name ${quotedName(window)}`,
    call.place,
  );
}

/** Says that custom bounds differed, so that only those remain that all histograms have. */
export function noteBounds(
  call: RangeCall,
  operation: 'addition' | 'subtraction' | 'aggregation',
): void {
  call.annotations.info(
    `mismatched custom buckets were reconciled during ${operation}`,
    call.place,
  );
}
