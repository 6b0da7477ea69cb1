/**
 * The series of the ledger's metrics: a histogram is a series for each bucket, one for its sum, and
 * one for its count.
 */
import type { FamilyType } from '../../exposition/grammar.ts';
import { type Label, parseLabels } from '../labels.ts';
import { printBound } from '../page/print-number.ts';
import type { LedgerFamily, LedgerMetric, PageSource } from '../page-source.ts';
import { isCompound } from '../pushed-page.ts';
import type { Series, SeriesFamily, SeriesSource } from './series.ts';

/** Types whose values only grow, so that the time of their beginning has a meaning. */
const CUMULATIVE: ReadonlySet<FamilyType> = new Set(['counter', 'histogram', 'summary']);

/** Requests carry the help of each family again and again: nobody makes these large. */
const MAX_HELP_LENGTH = 1024;

/** All series of a ledger, of all tenants. */
export function ledgerSeries(pages: Pick<PageSource, 'families' | 'seen'>): SeriesSource {
  return {
    read: () => seriesOf(metricsOf(pages)),
    seen: (beganMs) => pages.seen(undefined, beganMs),
  };
}

interface FamilyMetrics {
  readonly family: LedgerFamily;
  readonly metrics: readonly LedgerMetric[];
}

/** Notes all metrics at once: none moves from block to block while the caller reads on. */
function metricsOf(pages: Pick<PageSource, 'families'>): FamilyMetrics[] {
  return Array.from(pages.families(), (family) => ({
    family,
    metrics: family.blocks.flatMap(({ metrics }) => metrics),
  }));
}

function* seriesOf(families: readonly FamilyMetrics[]): Generator<Series> {
  for (const { family, metrics } of families) {
    const { name, type, help, unit, tenant } = family;
    const described: SeriesFamily = { name, type, help: help.slice(0, MAX_HELP_LENGTH), unit };
    for (const metric of metrics) yield* metricSeries(tenant, described, metric);
  }
}

function* metricSeries(
  tenant: string,
  family: SeriesFamily,
  metric: LedgerMetric,
): Generator<Series> {
  const { bounds, values } = metric.current();
  const createdMs = CUMULATIVE.has(family.type) ? metric.createdMs : 0;
  const make = (value: number | undefined, suffix: string, extra?: Label): Series => ({
    key: `${tenant}\0${family.name}\0${suffix}\0${metric.labels}\0${extra?.[1] ?? ''}`,
    family,
    value: value ?? Number.NaN, // a run has all values of its type
    createdMs,
    labels: () => labelsOf(family.name + suffix, metric.labels, extra),
  });
  if (!isCompound(family.type)) {
    yield make(values[0], '');
    return;
  }
  const isSummary = family.type === 'summary';
  const [countSuffix, sumSuffix] =
    family.type === 'gaugehistogram' ? ['_gcount', '_gsum'] : ['_count', '_sum'];
  for (const [at, bound] of bounds.entries()) {
    const extra: Label = [isSummary ? 'quantile' : 'le', printBound(bound, 'text')];
    yield make(values[2 + at], isSummary ? '' : '_bucket', extra);
  }
  if (!isSummary) yield make(values[0], '_bucket', ['le', '+Inf']);
  if (!Number.isNaN(values[1])) yield make(values[1], sumSuffix);
  yield make(values[0], countSuffix);
}

function labelsOf(name: string, text: string, extra: Label | undefined): Label[] {
  const labels: Label[] = [['__name__', name], ...parseLabels(text)];
  if (extra) labels.push(extra);
  return labels;
}
