/**
 * The samples of a range selector or a subquery, as the functions of range vectors read them.
 */
import type { Histogram } from './histogram.ts';
import type { Labels } from './labels.ts';

/** The samples of one series without stale markers, in the order of their times. */
export interface RangeSeries {
  readonly labels: Labels;
  /** The name of the metric for messages, '' if there is none or if it has been given up. */
  readonly metricName: string;
  readonly dropsName: boolean;
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  /** Undefined if the series has numbers only. */
  readonly histograms: readonly (Histogram | undefined)[] | undefined;
  /** When the counter began to count, 0 where that is unknown. */
  readonly startTimesMs: Float64Array | undefined;
}

/** The samples that one step sees: those of a series with indices from `from` up to, not including, `to`. */
export interface Window {
  series: RangeSeries;
  from: number;
  to: number;
  /** The window holds what is later than this and not later than `untilMs`. */
  afterMs: number;
  untilMs: number;
  /** The time of the step itself, without offset and `@`. */
  atMs: number;
  /** What a function has found out about the series and needs again at the next step. */
  memo?: WindowMemo;
}

/** What holds for all windows of a series. */
interface WindowMemo {
  /** The indices of the samples before which the counter began anew. */
  readonly resets: readonly number[];
  /** The first of these that may lie in the window. */
  next: number;
}

/** A range vector: series and the window of each step. */
export interface RangeVector {
  readonly series: readonly RangeSeries[];
  readonly rangeMs: number;
  /** The end of the window of each step. */
  readonly untilMs: Float64Array;
  /** How far the windows reach beyond their ends, for modifiers that look at neighbours. */
  readonly reachBeforeMs: number;
  readonly reachAfterMs: number;
  readonly modifier: 'anchored' | 'smoothed' | undefined;
}

/** Numbers of a window and their times, histograms left out. */
export interface Floats {
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  readonly from: number;
  readonly to: number;
  /** How many histograms the window holds besides. */
  readonly histograms: number;
}

/** The numbers of a window. */
export function floatsOf(window: Window): Floats {
  const { series, from, to } = window;
  const { timesMs, values, histograms } = series;
  if (histograms === undefined) return { timesMs, values, from, to, histograms: 0 };
  const kept: number[] = [];
  for (let at = from; at < to; at++) if (histograms[at] === undefined) kept.push(at);
  return {
    timesMs: Float64Array.from(kept, (at) => timesMs[at] ?? 0),
    values: Float64Array.from(kept, (at) => values[at] ?? 0),
    from: 0,
    to: kept.length,
    histograms: to - from - kept.length,
  };
}

/** The histograms of a window in order, or undefined if one of its samples is a number. */
export function histogramsOf(window: Window): Histogram[] | undefined {
  const { series, from, to } = window;
  const found: Histogram[] = [];
  for (let at = from; at < to; at++) {
    const histogram = series.histograms?.[at];
    if (histogram === undefined) return undefined;
    found.push(histogram);
  }
  return found;
}

/** Whether a window holds numbers and histograms. */
export function isMixed(window: Window): boolean {
  const { series, from, to } = window;
  if (series.histograms === undefined || from >= to) return false;
  const first = series.histograms[from] === undefined;
  for (let at = from + 1; at < to; at++) {
    if ((series.histograms[at] === undefined) !== first) return true;
  }
  return false;
}
