/**
 * Values as text, in the notations that Prometheus uses.
 */
import { goNumber } from './annotations.ts';
import { type Histogram, upperBound } from './histogram.ts';

/** A number in decimals without an exponent, as short as it can be read back. */
export function plainDecimal(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const text = value.toString();
  const [mantissa = '', exponent] = text.split('e');
  if (exponent === undefined) return text;
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits.padEnd(point, '0');
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A histogram on one line: count, sum, and the populated buckets from the lowest to the highest. */
export function printHistogram(histogram: Histogram): string {
  const { positive, negative, zeroCount, zeroThreshold } = histogram;
  const parts = [`count:${goNumber(histogram.count)}`, `sum:${goNumber(histogram.sum)}`];
  for (let at = negative.indices.length - 1; at >= 0; at--) {
    const index = negative.indices[at] ?? 0;
    const bounds = [-upperBound(histogram, index), -upperBound(histogram, index - 1)].map(goNumber);
    parts.push(`[${bounds.join(',')}):${goNumber(negative.counts[at] ?? 0)}`);
  }
  if (zeroCount !== 0) {
    parts.push(`[${goNumber(-zeroThreshold)},${goNumber(zeroThreshold)}]:${goNumber(zeroCount)}`);
  }
  positive.indices.forEach((index, at) => {
    const bounds = [upperBound(histogram, index - 1), upperBound(histogram, index)].map(goNumber);
    parts.push(`(${bounds.join(',')}]:${goNumber(positive.counts[at] ?? 0)}`);
  });
  return `{${parts.join(', ')}}`;
}

/** A text in double quotes; bytes that are no UTF-8, which stand as lone surrogates, are escaped. */
export function quoteBytes(text: string): string {
  const escaped = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc00 && code < 0xdd00)
      return `\\x${(code - 0xdc00).toString(16).padStart(2, '0')}`;
    return JSON.stringify(character).slice(1, -1);
  });
  return `"${escaped.join('')}"`;
}
