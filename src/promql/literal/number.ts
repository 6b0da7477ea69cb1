/** PromQL's numbers as text: reading literals, writing values. */
import { quoteText } from './quote.ts';

const INTEGER = /^(?:0[xX](?:_?[0-9a-fA-F])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;
const DECIMAL =
  /^(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9](?:_?[0-9])*)?$/;
const MAX_INTEGER = 2n ** 63n - 1n;

/** The text was scanned as a number, but is none. */
export class NumberError extends Error {
  override readonly name = 'NumberError';
}

/**
 * Reads a number literal: an integer (`0x…` hexadecimal, `0…` octal) if it is one, else a decimal.
 *
 * @param text - what `lex.ts` took for a number; `inf` and `nan` in any case too
 * @throws {NumberError} with Go's words, such as `value out of range`
 */
export function parseNumber(text: string): number {
  if (INTEGER.test(text)) {
    const value = parseInteger(text.replaceAll('_', ''));
    if (value !== undefined) return value;
  }
  const word = text.toLowerCase();
  if (word === 'inf') return Number.POSITIVE_INFINITY;
  if (word === 'nan') return Number.NaN;
  if (!DECIMAL.test(text)) throw failure(text, 'invalid syntax');
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isFinite(value)) throw failure(text, 'value out of range');
  return value;
}

/** The value of an integer literal, or undefined if it does not fit into 64 bits. */
function parseInteger(digits: string): number | undefined {
  const isOctal = digits.length > 1 && /^0[0-7]/.test(digits);
  const value = BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
  return value > MAX_INTEGER ? undefined : Number(value);
}

function failure(text: string, what: string): NumberError {
  return new NumberError(`strconv.ParseFloat: parsing ${quoteText(text)}: ${what}`);
}

/** Writes a value as the shortest decimal that reads back as the same value, without exponent. */
export function printNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  return withoutExponent(String(value));
}

function withoutExponent(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = ''] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, '0')}`;
}

/** Writes a value as Go's `%v`: with an exponent below 1e-4 and from 1e21 on. */
export function printGeneral(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || value === 0 || (size >= 1e-4 && size < 1e21)) {
    return printNumber(value);
  }
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Writes a value as Go's `%f`, with so many decimals. */
export function printFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return printNumber(value);
  if (Math.abs(value) < 1e21) return value.toFixed(decimals);
  return `${BigInt(value)}.${'0'.repeat(decimals)}`;
}
