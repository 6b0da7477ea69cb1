/**
 * Prints pushed pages, for tests of their readers: as text, as OpenMetrics, and as protobuf.
 */
import { printLabels } from '../../src/push/labels.ts';
import type { PushedFamily, PushedMetric, PushedPage } from '../../src/push/pushed-page.ts';

const SUFFIXES = {
  histogram: ['_count', '_sum'],
  summary: ['_count', '_sum'],
  gaugehistogram: ['_gcount', '_gsum'],
};
const NUMBERS = ['counter', 'gauge', 'summary', 'unknown', 'histogram', 'gaugehistogram'];

function printValue(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value).replace('Infinity', 'Inf');
}

function isLegacy(name: string): boolean {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

function series(name: string, labels: PushedMetric['labels']): string {
  const printed = printLabels(labels);
  if (!isLegacy(name)) return `{${quoted(name)}${printed && `,${printed}`}}`;
  return printed === '' ? name : `${name}{${printed}}`;
}

function samples(
  { name, type }: PushedFamily,
  metric: PushedMetric,
  values: Float64Array,
): string[] {
  const { labels, bounds, at } = metric;
  const value = (offset: number): string => printValue(values[at + offset] ?? Number.NaN);
  if (type !== 'histogram' && type !== 'summary' && type !== 'gaugehistogram') {
    return [`${series(name, labels)} ${value(0)}`];
  }
  const [count, sum] = SUFFIXES[type];
  const bounded = bounds.map((bound, place) => {
    const label = [type === 'summary' ? 'quantile' : 'le', printValue(bound)] as const;
    const of = type === 'summary' ? name : `${name}_bucket`;
    return `${series(of, [...labels, label])} ${value(2 + place)}`;
  });
  const infinite = `${series(`${name}_bucket`, [...labels, ['le', '+Inf']])} ${value(0)}`;
  return [
    ...bounded,
    ...(type === 'summary' ? [] : [infinite]),
    `${series(`${name}${count}`, labels)} ${value(0)}`,
    ...(Number.isNaN(values[at + 1]) ? [] : [`${series(`${name}${sum}`, labels)} ${value(1)}`]),
  ];
}

/** The page as text 0.0.4, or as OpenMetrics, whose families have other names for some types. */
export function printText(
  { families, values }: PushedPage,
  format: 'text' | 'openmetrics',
): Buffer {
  const strict = format === 'openmetrics';
  const lines = families.flatMap((family) => {
    const { name, type, help, unit, gaugeMode, metrics } = family;
    const suffix = type === 'counter' ? '_total' : '_info';
    const base =
      strict && (type === 'counter' || type === 'info') ? name.slice(0, -suffix.length) : name;
    const printed = isLegacy(base) ? base : quoted(base);
    const word = type === 'unknown' && !strict ? 'untyped' : type;
    const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
    return [
      ...(help === ''
        ? []
        : [`# HELP ${printed} ${strict ? escaped.replaceAll('"', '\\"') : escaped}`]),
      `# TYPE ${printed} ${word}`,
      ...(strict && unit !== '' ? [`# UNIT ${printed} ${unit}`] : []),
      ...(gaugeMode === undefined ? [] : [`# AGGREGATE ${printed} ${gaugeMode}`]),
      ...metrics.flatMap((metric) => samples(family, metric, values)),
    ];
  });
  return Buffer.from([...lines, ...(strict ? ['# EOF'] : [])].map((line) => `${line}\n`).join(''));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** A field that holds bytes, a text or a message. */
export function bytesField(number: number, bytes: Buffer | string): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

export function doubleField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint(number * 8 + 1), bytes]);
}

export function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

function printMetric(
  type: string,
  { labels, bounds, at }: PushedMetric,
  values: Float64Array,
): Buffer {
  const value = (offset: number): number => values[at + offset] ?? Number.NaN;
  const pairs = labels.map(([name, text]) =>
    bytesField(1, Buffer.concat([bytesField(1, name), bytesField(2, text)])),
  );
  const single = { gauge: 2, counter: 3, unknown: 5 }[type];
  if (single !== undefined)
    return Buffer.concat([...pairs, bytesField(single, doubleField(1, value(0)))]);
  const [field, floats] = type === 'summary' ? [4, false] : [7, true];
  const parts = [
    floats ? doubleField(4, value(0)) : varintField(1, value(0)),
    ...(Number.isNaN(value(1)) ? [] : [doubleField(2, value(1))]),
    ...bounds.map((bound, place) => {
      const parts = floats
        ? [doubleField(2, bound), doubleField(4, value(2 + place))]
        : [doubleField(1, bound), doubleField(2, value(2 + place))];
      return bytesField(3, Buffer.concat(parts));
    }),
  ];
  return Buffer.concat([...pairs, bytesField(field, Buffer.concat(parts))]);
}

/** A family as a message `MetricFamily` after its length. */
export function delimited(message: Buffer): Buffer {
  return Buffer.concat([varint(message.length), message]);
}

/** The page as delimited protobuf; its families have no types `info` and `stateset`. */
export function printProtobuf({ families, values }: PushedPage): Buffer {
  const messages = families.map(({ name, type, help, unit, metrics }) => {
    const fields = [
      bytesField(1, name),
      bytesField(2, help),
      varintField(3, NUMBERS.indexOf(type)),
      ...metrics.map((metric) => bytesField(4, printMetric(type, metric, values))),
      bytesField(5, unit),
    ];
    return delimited(Buffer.concat(fields));
  });
  return Buffer.concat(messages);
}
