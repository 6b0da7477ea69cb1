/**
 * Numbers, durations and strings as the commands of the corpus write them.
 */
import type { SeriesValue } from '../../../src/promql/series/parser.ts';

/** One value of a series; undefined where there is no sample. */
export type NotedValue = SeriesValue;

/** Labels by name; the metric's own name is `__name__`. */
export type NotedLabels = readonly (readonly [string, string])[];

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
