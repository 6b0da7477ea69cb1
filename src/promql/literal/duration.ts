/** Durations as text: `1h30m`. Values are in milliseconds. */
import { quoteText } from './quote.ts';

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];
/** The largest duration: 2^63 - 1 nanoseconds. */
const MAX_NANOSECONDS = 2n ** 63n - 1n;
/** The largest number before a unit. */
const MAX_COUNT = 2n ** 64n - 1n;
const NANOSECONDS_PER_MS = 1_000_000n;

/** The usual case: one number and its unit. */
const SINGLE = /^(\d{1,9})(ms|[smhdwy])$/;
/** A duration up to here is in range for sure. */
const SAFE_MS = 9e12;

/** The text was scanned as a duration, but is none. */
export class DurationError extends Error {
  override readonly name = 'DurationError';
}

/**
 * Reads a duration such as `1h30m`: integers with units, the larger ones first, each once.
 *
 * @throws {DurationError} with Prometheus' words
 */
export function parseDuration(text: string): number {
  const [, count, unitOfAll] = SINGLE.exec(text) ?? [];
  if (count !== undefined) {
    const ms = Number(count) * (UNITS.find(([name]) => name === unitOfAll)?.[1] ?? 0);
    if (ms <= SAFE_MS) return ms;
  }
  return parseParts(text);
}

function parseParts(text: string): number {
  let next = 0;
  let total = 0n;
  let end = 0;
  for (const part of text.matchAll(/(\d+)(\D+)/gy)) {
    const [whole, digits = '', unit = ''] = part;
    if (BigInt(digits) > MAX_COUNT) throw invalid(text);
    const found = UNITS.findIndex(([name]) => name === unit);
    if (found < 0) {
      throw new DurationError(`unknown unit ${quoteText(unit)} in duration ${quoteText(text)}`);
    }
    if (found < next) throw invalid(text);
    next = found + 1;
    end = part.index + whole.length;
    total += BigInt(digits) * BigInt(UNITS[found]![1]);
    if (total * NANOSECONDS_PER_MS > MAX_NANOSECONDS) {
      throw new DurationError('duration out of range');
    }
  }
  if (text === '') throw new DurationError('empty duration string');
  if (end < text.length) throw invalid(text);
  return Number(total);
}

function invalid(text: string): DurationError {
  return new DurationError(`not a valid duration string: ${quoteText(text)}`);
}

/** Writes a duration with the largest units that hold it; years and weeks only if it is exact. */
export function printDuration(ms: number): string {
  const whole = Math.trunc(ms);
  if (whole === 0) return '0s';
  if (whole < 0) return `-${printDuration(-whole)}`;
  let rest = whole;
  let text = '';
  for (const [unit, size] of UNITS) {
    if (rest === 0) break;
    const count = Math.floor(rest / size);
    if (count === 0 || ((unit === 'y' || unit === 'w') && rest % size !== 0)) continue;
    text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}
