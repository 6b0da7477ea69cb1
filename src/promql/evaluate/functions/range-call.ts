/**
 * What a function of a range vector is: a computation on the window of one step of one series.
 */
import { quoteText } from '../../literal/quote.ts';
import type { Annotations, Place } from '../annotations.ts';
import type { Histogram } from '../histogram.ts';
import type { Window } from '../samples.ts';

/** What a function may use besides the window. */
export interface RangeCall {
  readonly annotations: Annotations;
  /** The place of the range vector in the query. */
  readonly place: Place;
  readonly rangeMs: number;
  readonly modifier: 'anchored' | 'smoothed' | undefined;
  /** The values of the scalar arguments at this step, in their order. */
  readonly scalars: readonly number[];
  /** Counters are known by their type label instead of their name's ending. */
  readonly typeLabels: boolean;
}

/** The value of one step; undefined if the step has none. */
export type RangeResult = number | Histogram | undefined;

/** A function of a range vector. The window holds at least one sample. */
export type RangeFunction = (window: Window, call: RangeCall) => RangeResult;

/** Says that a window holds numbers and histograms, of which the function can read neither. */
export function warnMixed(window: Window, call: RangeCall): undefined {
  const name = quoteText(window.series.metricName);
  call.annotations.warn(
    `encountered a mix of histograms and floats for metric name ${name}`,
    call.place,
  );
}

/** Says that the histograms of a window were not read. */
export function noteIgnoredHistograms(window: Window, call: RangeCall): void {
  const name = quoteText(window.series.metricName);
  call.annotations.info(
    `ignored histograms in a range containing both floats and histograms for metric name ${name}`,
    call.place,
  );
}
