/**
 * What the body of a push says, whatever its format: families of metrics, with all values in one
 * array.
 *
 * A metric is one label set of a family, without the labels `le` and `quantile` (the term of
 * OpenMetrics): a histogram with all of its buckets is one metric.
 */
import type { FamilyType } from '../exposition/grammar.ts';
import type { Label } from './labels.ts';

/** How the gauges of a family are put together; see `docs/push.md`. */
export const GAUGE_MODES = ['last', 'sum', 'min', 'max', 'avg', 'count'] as const;

export type GaugeMode = (typeof GAUGE_MODES)[number];

export interface PushedPage {
  readonly families: readonly PushedFamily[];
  /** The values of all metrics; each metric has a run of its own, in the order of `families`. */
  readonly values: Float64Array;
  /** How many samples had a timestamp. */
  readonly timestamps: number;
}

export interface PushedFamily {
  /** As text format 0.0.4 names the family: a counter of OpenMetrics is called `<name>_total`. */
  readonly name: string;
  readonly type: FamilyType;
  /** Not escaped; '' if the body has none. */
  readonly help: string;
  /** '' if the body has none. */
  readonly unit: string;
  /** From a comment line such as `# AGGREGATE queue_length sum`. */
  readonly gaugeMode: GaugeMode | undefined;
  readonly metrics: readonly PushedMetric[];
}

export interface PushedMetric {
  /** Sorted by name, each name once; not escaped. */
  readonly labels: readonly Label[];
  /**
   * Ascending: the upper bounds of a histogram's buckets without `+Inf`, or a summary's quantiles;
   * empty for a single value.
   */
  readonly bounds: readonly number[];
  /**
   * Where the metric's run begins in `values`. The run of a single value is `[value]`; the run of a
   * histogram or a summary is `[count, sum, one value per bound]`, where buckets are cumulative.
   * A sum that the body does not name is NaN.
   */
  readonly at: number;
  /** The line of the metric's first sample, from 1; 0 in formats without lines. */
  readonly line: number;
  /** A native histogram: the bytes of its protobuf message `io.prometheus.client.Histogram`. */
  readonly native?: Buffer | undefined;
}

/** Whether metrics of this type have the run `[count, sum, one value per bound]`. */
export function isCompound(type: FamilyType): boolean {
  return type === 'histogram' || type === 'summary' || type === 'gaugehistogram';
}

/** The length of a metric's run in `values`. */
export function runLength(type: FamilyType, bounds: readonly number[]): number {
  return isCompound(type) ? 2 + bounds.length : 1;
}

/** How many samples, and so series, a metric has on a page of text. */
export function sampleCount(type: FamilyType, bounds: readonly number[]): number {
  if (!isCompound(type)) return 1;
  return bounds.length + (type === 'summary' ? 2 : 3); // a histogram has the bucket +Inf beside
}

/** How many short labels take as long to read and to print as those of a metric. */
export function weightOf({ labels }: Pick<PushedMetric, 'labels'>): number {
  let weight = labels.length;
  for (const [, value] of labels) weight += value.length >> 5;
  return weight;
}
