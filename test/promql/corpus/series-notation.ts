/**
 * The notation of series in the corpus: `metric{label="value"} 1 2 _ 4+1x10 {{schema:0 count:3}}`.
 */
import {
  type CounterResetHint,
  CUSTOM_SCHEMA,
  denseBuckets,
  EMPTY_HISTOGRAM,
  type Histogram,
} from '../../../src/promql/evaluate/histogram.ts';
import { combine } from '../../../src/promql/evaluate/histogram-arithmetic.ts';

/** One value of a series; undefined where there is no sample. */
export type NotedValue = number | Histogram | 'stale' | undefined;

/** Labels by name; the metric's own name is `__name__`. */
export type NotedLabels = readonly (readonly [string, string])[];

/** The labels at the start of a line, and the rest of the line. */
export function readLabels(line: string): { readonly labels: NotedLabels; readonly rest: string } {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0] ?? '';
  const labels: [string, string][] = name === '' ? [] : [['__name__', name]];
  let rest = line.slice(name.length).trimStart();
  if (!rest.startsWith('{') || rest.startsWith('{{')) return { labels, rest };
  rest = rest.slice(1).trimStart();
  while (!rest.startsWith('}')) {
    const [token = ''] = /^(?:"(?:[^"\\]|\\.)*"|[a-zA-Z_][a-zA-Z0-9_.]*)/.exec(rest) ?? [];
    if (token === '') throw new Error(`no label at: ${rest}`);
    rest = rest.slice(token.length).trimStart();
    const label = unquote(token);
    if (rest.startsWith('=')) {
      rest = rest.slice(1).trimStart();
      const [value = ''] = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)/.exec(rest) ?? [];
      labels.push([label, unquote(value)]);
      rest = rest.slice(value.length).trimStart();
    } else labels.push(['__name__', label]);
    if (rest.startsWith(',')) rest = rest.slice(1).trimStart();
  }
  return { labels, rest: rest.slice(1).trimStart() };
}

/** A text without its quotes; escapes are those of JSON, and bytes that are no UTF-8. */
export function unquote(text: string): string {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") return quote === '`' ? text.slice(1, -1) : text;
  return text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)/g, (_, code: string) => {
    if (code[0] === 'x') return String.fromCharCode(0xdc00 + Number.parseInt(code.slice(1), 16));
    if (code[0] === 'u') return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return { n: '\n', t: '\t', r: '\r' }[code] ?? code;
  });
}

/** The values of a line, one for each position. */
export function readValues(text: string): NotedValue[] {
  const values: NotedValue[] = [];
  for (const item of splitItems(text)) {
    const blank = /^_(?:x(\d+))?$/.exec(item);
    if (blank !== null) {
      const count = blank[1] === undefined ? 1 : Number(blank[1]);
      for (let at = 0; at < count; at++) values.push(undefined);
    } else if (item.startsWith('{{')) values.push(...readHistograms(item));
    else values.push(...readNumbers(item));
  }
  return values;
}

function splitItems(text: string): string[] {
  return text.match(/\{\{[^}]*\}\}(?:[-+]\{\{[^}]*\}\})?(?:x\d+)?|[^\s{]+/g) ?? [];
}

const NUMBER = `[-+]?(?:[iI]nf|[nN]a[nN]|[0-9_.]+(?:[eE][-+]?[0-9]+)?(?:[a-z]+(?:[0-9]+[a-z]+)*)??)`;
const SERIES = new RegExp(
  `^(${NUMBER}|stale)(?:([-+]${NUMBER.replace('[-+]?', '')}))?(?:x(\\d+))?$`,
);

function readNumbers(item: string): NotedValue[] {
  const [, first = '', step, times] = SERIES.exec(item) ?? fail(item);
  const count = times === undefined ? 1 : Number(times) + 1;
  if (first === 'stale') return new Array<NotedValue>(count).fill('stale');
  let value = readNumber(first);
  const by = step === undefined ? 0 : readNumber(step);
  const values: NotedValue[] = [];
  for (let at = 0; at < count; at++) {
    values.push(value);
    value += by;
  }
  return values;
}

function fail(item: string): never {
  throw new Error(`no value: ${item}`);
}

/** A number: decimal, hexadecimal, infinite, NaN, or a duration in seconds. */
export function readNumber(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const plain = text.replace(/^[-+]/, '').replaceAll('_', '');
  if (/^inf$/i.test(plain)) return sign * Infinity;
  if (/^nan$/i.test(plain)) return Number.NaN;
  if (/^0x/i.test(plain)) return sign * Number(plain);
  if (/^[0-9.]+(?:e[-+]?[0-9]+)?$/i.test(plain)) return sign * Number(plain);
  return (sign * readDuration(plain)) / 1000;
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** A duration in milliseconds; without a unit it is a number of seconds. */
export function readDuration(text: string): number {
  if (/^[-+]?[0-9.]+$/.test(text)) return Number(text) * 1000;
  const sign = text.startsWith('-') ? -1 : 1;
  let total = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/([0-9.]+)(ms|[smhdwy])/g)) {
    total += Number(count) * (UNITS_MS[unit] ?? Number.NaN);
  }
  return sign * total;
}

function readHistograms(item: string): NotedValue[] {
  const [, first = '', sign, second, times] =
    /^\{\{([^}]*)\}\}(?:([-+])\{\{([^}]*)\}\})?(?:x(\d+))?$/.exec(item) ?? fail(item);
  const count = times === undefined ? 1 : Number(times) + 1;
  let current = readHistogram(first);
  const by = second === undefined ? undefined : readHistogram(second);
  const values: NotedValue[] = [];
  for (let at = 0; at < count; at++) {
    values.push(current);
    if (by === undefined) continue;
    const next = combine(current, by, sign === '-' ? -1 : 1);
    if (next === undefined) throw new Error(`cannot combine: ${item}`);
    const hint = first.includes('counter_reset_hint') ? current.hint : next.histogram.hint;
    current = { ...next.histogram, hint };
  }
  return values;
}

/** A histogram as `key:value` pairs; lists stand in brackets. */
function readHistogram(text: string): Histogram {
  const fields = new Map<string, string>();
  for (const [, key = '', value = ''] of text.matchAll(/([a-z_]+):\s*(\[[^\]]*\]|\S+)/g)) {
    fields.set(key, value);
  }
  const number = (key: string) => readNumber(fields.get(key) ?? '0');
  const list = (key: string) =>
    (fields.get(key) ?? '[]').slice(1, -1).split(/\s+/).filter(Boolean).map(readNumber);
  const schema = number('schema');
  return {
    ...EMPTY_HISTOGRAM,
    schema,
    sum: number('sum'),
    count: number('count'),
    zeroCount: number('z_bucket'),
    zeroThreshold: number('z_bucket_w'),
    positive: denseBuckets(number('offset'), list('buckets')),
    negative: denseBuckets(number('n_offset'), list('n_buckets')),
    customValues: schema === CUSTOM_SCHEMA ? list('custom_values') : [],
    hint: (fields.get('counter_reset_hint') ?? 'unknown') as CounterResetHint,
  };
}
