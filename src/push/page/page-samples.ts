/**
 * Which samples a metric has on a page: their names, and where their values come from.
 */
import type { FamilyType, FormatName } from '../../exposition/grammar.ts';

/** The formats of pages for Prometheus. `text` stands for 0.0.4 and 1.0.0. */
export type PageFormat = FormatName | 'protobuf';

/** What a sample, or a row of samples, says of a metric. */
export type SampleKind = 'value' | 'buckets' | 'quantiles' | 'sum' | 'count' | 'created';

/** The samples of one name. */
export interface PageSample {
  readonly kind: SampleKind;
  /** The whole name, escaped but not quoted. */
  readonly name: string;
}

/** How a format prints families of one name and type. */
export interface FamilyShape {
  /** The name in HELP and TYPE, escaped but not quoted. OpenMetrics leaves `_total` out. */
  readonly name: string;
  /** The type in TYPE; undefined if the format has no such type: each sample is a family then. */
  readonly type: FamilyType | undefined;
  readonly samples: readonly PageSample[];
}

/** The shape of a family with this name, which is escaped already. */
export function shapeOf(name: string, type: FamilyType, format: PageFormat): FamilyShape {
  const suffixed = (kind: SampleKind, suffix: string): PageSample => ({
    kind,
    name: name + suffix,
  });
  const sum = suffixed('sum', '_sum');
  const count = suffixed('count', '_count');
  const created = format === 'openmetrics' ? [suffixed('created', '_created')] : [];
  switch (type) {
    case 'histogram':
      return { name, type, samples: [suffixed('buckets', '_bucket'), sum, count, ...created] };
    case 'summary':
      return { name, type, samples: [suffixed('quantiles', ''), sum, count, ...created] };
    case 'gaugehistogram':
      return {
        name,
        type: format === 'openmetrics' ? type : undefined,
        samples: [
          suffixed('buckets', '_bucket'),
          suffixed('sum', '_gsum'),
          suffixed('count', '_gcount'),
        ],
      };
    default:
      return format === 'openmetrics' ? openMetricsShape(name, type) : textShape(name, type);
  }
}

function textShape(name: string, type: FamilyType): FamilyShape {
  const hasNoWord = type === 'info' || type === 'stateset';
  return { name, type: hasNoWord ? 'gauge' : type, samples: [{ kind: 'value', name }] };
}

/** Counters without `_total`, and infos without `_info`, are `unknown` in OpenMetrics. */
function openMetricsShape(name: string, type: FamilyType): FamilyShape {
  const samples: PageSample[] = [{ kind: 'value', name }];
  const suffix = type === 'counter' ? '_total' : type === 'info' ? '_info' : '';
  if (suffix === '') return { name, type, samples };
  const family = name.slice(0, -suffix.length);
  if (!name.endsWith(suffix) || family === '') return { name, type: 'unknown', samples };
  if (type === 'counter') samples.push({ kind: 'created', name: `${family}_created` });
  return { name: family, type, samples };
}

const BITS: Readonly<Record<SampleKind, number>> = {
  value: 1,
  buckets: 2,
  quantiles: 4,
  sum: 8,
  count: 16,
  created: 32,
};

/** More than `kindBits` ever gives. */
export const KIND_BITS = 64;

/** The kinds of samples as one number. */
export function kindBits(samples: readonly PageSample[]): number {
  return samples.reduce((bits, { kind }) => bits | BITS[kind], 0);
}
