/**
 * The page of `/federate`: samples with their times in the text format.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 */
import { CUSTOM_SCHEMA, type Histogram } from '../../promql/evaluate/histogram.ts';
import { compareTexts } from '../../promql/evaluate/labels.ts';
import { printNumber } from '../../promql/literal/number.ts';

export interface FederatedSample {
  readonly name: string;
  /** Without the name, in the order in which they are written. */
  readonly labels: readonly (readonly [string, string])[];
  readonly timeMs: number;
  readonly value: number | Histogram;
}

export interface PageStyle {
  /** Whether the reader takes names of any characters, in quotes. */
  readonly utf8: boolean;
}

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** By name, then by labels. */
export function compareFederated(a: FederatedSample, b: FederatedSample): number {
  const names = compareTexts(a.name, b.name);
  if (names !== 0) return names;
  for (let at = 0; at < Math.min(a.labels.length, b.labels.length); at++) {
    const [nameA, valueA] = a.labels[at]!; // `at` is below both lengths
    const [nameB, valueB] = b.labels[at]!;
    const order = compareTexts(nameA, nameB) || compareTexts(valueA, valueB);
    if (order !== 0) return order;
  }
  return a.labels.length - b.labels.length;
}

/** The lines of samples that are in the order of their names. */
export function* writeSamples(
  samples: readonly FederatedSample[],
  style: PageStyle,
): Generator<string, void, void> {
  let family = '';
  for (const sample of samples) {
    const { value } = sample;
    if (typeof value !== 'number' && value.schema !== CUSTOM_SCHEMA) continue;
    const type = typeof value === 'number' ? 'untyped' : 'histogram';
    const head = `# TYPE ${nameOf(sample.name, METRIC, style)} ${type}\n`;
    if (head !== family) yield head;
    family = head;
    if (typeof value === 'number') yield line(sample.name, sample.labels, value, sample, style);
    else yield* writeHistogram(sample, value, style);
  }
}

function* writeHistogram(
  sample: FederatedSample,
  { customValues, positive, sum, count }: Histogram,
  style: PageStyle,
): Generator<string, void, void> {
  const { name, labels } = sample;
  let upTo = 0;
  for (const [index, bound] of customValues.entries()) {
    const at = positive.indices.indexOf(index);
    upTo += at < 0 ? 0 : (positive.counts[at] ?? 0);
    const le = ['le', printNumber(bound)] as const;
    yield line(`${name}_bucket`, [...labels, le], upTo, sample, style);
  }
  yield line(`${name}_bucket`, [...labels, ['le', '+Inf']], count, sample, style);
  yield line(`${name}_sum`, labels, sum, sample, style);
  yield line(`${name}_count`, labels, count, sample, style);
}

function line(
  name: string,
  labels: FederatedSample['labels'],
  value: number,
  { timeMs }: FederatedSample,
  style: PageStyle,
): string {
  const pairs = labels.map(([label, text]) => `${nameOf(label, LABEL, style)}="${escaped(text)}"`);
  const quoted = style.utf8 && !METRIC.test(name);
  const inside = quoted ? [`"${escaped(name)}"`, ...pairs] : pairs;
  const braces = inside.length === 0 ? '' : `{${inside.join(',')}}`;
  return `${quoted ? '' : nameOf(name, METRIC, style)}${braces} ${printNumber(value)} ${timeMs}\n`;
}

function nameOf(name: string, plain: RegExp, { utf8 }: PageStyle): string {
  if (plain.test(name)) return name;
  if (utf8) return `"${escaped(name)}"`;
  return name.replace(/^[0-9]|[^a-zA-Z0-9_:]/gu, '_');
}

function escaped(text: string): string {
  return text.toWellFormed().replace(/[\\"\n]/g, (one) => (one === '\n' ? '\\n' : `\\${one}`));
}
