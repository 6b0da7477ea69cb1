/**
 * The pages of pushed metrics as JSON: the page of the cf-workers gateway, and the groups of
 * Pushgateway's API.
 */
import type { FamilyType } from '../../exposition/grammar.ts';
import { wordOf } from '../../exposition/grammar.ts';
import type { Label } from '../labels.ts';
import { parseLabels } from '../labels.ts';
import type { LedgerFamily, LedgerGroup, LedgerMetric, MetricRun } from '../page-source.ts';
import { isCompound } from '../pushed-page.ts';
import type { LeftOut } from './duplicates.ts';
import type { PagePart, PagePlan } from './page-plan.ts';
import type { PageSample } from './page-samples.ts';
import { printBound, printValue } from './print-number.ts';

/**
 * The page of the cf-workers gateway: `{name: {name, help, type, metrics: [{value, labels}]}}`.
 * Histograms and summaries have the members that Pushgateway's API gives them. Values are numbers;
 * those that JSON has no numbers for are the strings `NaN`, `+Inf` and `-Inf`.
 */
export function* writeJsonPage(plan: PagePlan, leftOut: LeftOut): Generator<string, void, void> {
  let comma = '{';
  for (const { name, type, help, parts } of plan.families) {
    const head = { name, help, type: wordOf(type, 'text') };
    yield `${comma}${JSON.stringify(name)}:${openObject(head)}"metrics":[`;
    comma = ',';
    let separator = '';
    for (const part of parts) {
      const left = leftOut.get(part);
      for (const { metrics } of part.blocks) {
        for (const metric of metrics) {
          if (left?.has(metric.labels)) continue;
          for (const one of jsonMetrics(part, metric)) {
            yield separator + JSON.stringify(one);
            separator = ',';
          }
        }
      }
    }
    yield ']}';
  }
  yield comma === '{' ? '{}' : '}';
}

function openObject(members: object): string {
  return `${JSON.stringify(members).slice(0, -1)},`;
}

/** The members of one metric; several metrics if the family's type is not that of its samples. */
function jsonMetrics({ samples }: PagePart, metric: LedgerMetric): object[] {
  const labels = parseLabels(metric.labels);
  const run = metric.current();
  if (samples.length > 1) return [{ labels: toObject(labels), ...compound(run, samples, number) }];
  return samples.flatMap((sample) => singles(sample, labels, run));
}

function singles({ kind }: PageSample, labels: readonly Label[], run: MetricRun): object[] {
  const one = (value: number, more: readonly Label[] = []): object => ({
    value: number(value),
    labels: toObject([...labels, ...more]),
  });
  if (kind === 'value' || kind === 'count') return [one(run.values[0] ?? Number.NaN)];
  if (kind === 'sum') return [one(run.values[1] ?? Number.NaN)];
  const label = kind === 'buckets' ? 'le' : 'quantile';
  return rows(run, kind === 'buckets').map(([bound, value]) => one(value, [[label, bound]]));
}

/** The rows of a histogram, with `+Inf`, or those of a summary. */
function rows(
  { bounds, values }: MetricRun,
  hasInfinity: boolean,
): (readonly [bound: string, value: number])[] {
  const all = bounds.map(
    (bound, at) => [printBound(bound, 'text'), values[2 + at] ?? Number.NaN] as const,
  );
  return hasInfinity ? [...all, ['+Inf', values[0] ?? Number.NaN]] : all;
}

type Print = (value: number) => number | string;

function compound(run: MetricRun, samples: readonly PageSample[], print: Print): object {
  const isHistogram = samples.some(({ kind }) => kind === 'buckets');
  const printed = Object.fromEntries(
    rows(run, isHistogram).map(([bound, value]) => [bound, print(value)]),
  );
  return {
    [isHistogram ? 'buckets' : 'quantiles']: printed,
    count: print(run.values[0] ?? Number.NaN),
    sum: print(run.values[1] ?? Number.NaN),
  };
}

function number(value: number): number | string {
  return Number.isFinite(value) ? value : printValue(value);
}

/** Without a prototype, since a label may be called `__proto__`. */
function toObject(labels: readonly Label[]): object {
  const object: Record<string, string> = Object.create(null);
  for (const [name, value] of labels) object[name] = value;
  return object;
}

const GROUP_TYPES: Readonly<Record<FamilyType, string>> = {
  counter: 'COUNTER',
  gauge: 'GAUGE',
  info: 'GAUGE',
  stateset: 'GAUGE',
  summary: 'SUMMARY',
  unknown: 'UNTYPED',
  histogram: 'HISTOGRAM',
  gaugehistogram: 'GAUGE_HISTOGRAM',
};

const PUSHED = 'push_time_seconds';
const FAILED = 'push_failure_time_seconds';

/** The answer of Pushgateway's `GET /api/v1/metrics`: values are strings, as Go prints numbers. */
export function* writeGroups(groups: Iterable<LedgerGroup>): Generator<string, void, void> {
  yield '{"status":"success","data":[';
  let comma = '';
  for (const { labels, families } of groups) {
    const [pushed = 0, failed = 0] = [PUSHED, FAILED].map((name) => {
      const found = families.find(({ family }) => family.name === name);
      return found?.metrics[0]?.current().values[0];
    });
    const head = { labels: toObject(labels), last_push_successful: failed <= pushed };
    yield `${comma}${JSON.stringify(head).slice(0, -1)}`;
    comma = ',';
    for (const { family, metrics } of families) {
      yield `,${JSON.stringify(family.name)}:`;
      yield* writeGroupFamily(family, metrics, new Date(pushed * 1_000));
    }
    yield '}';
  }
  yield ']}';
}

function* writeGroupFamily(
  { type, help }: LedgerFamily,
  metrics: readonly LedgerMetric[],
  pushedAt: Date,
): Generator<string, void, void> {
  const head = {
    ...{ time_stamp: pushedAt.toISOString(), type: GROUP_TYPES[type] },
    ...(help !== '' && { help }),
  };
  yield `${openObject(head)}"metrics":[`;
  let comma = '';
  for (const metric of metrics) {
    const run = metric.current();
    const labels = toObject(parseLabels(metric.labels));
    const kind = type === 'summary' ? 'quantiles' : 'buckets';
    const members = isCompound(type)
      ? compound(run, [{ kind, name: '' }], goNumber)
      : { value: goNumber(run.values[0] ?? Number.NaN) };
    yield comma + JSON.stringify({ labels, ...members });
    comma = ',';
  }
  yield ']}';
}

/** As Go's `fmt.Sprint` prints a double. */
function goNumber(value: number): string {
  return printBound(value, 'text');
}
