/**
 * Where a number or a duration in a query ends.
 *
 * The grammar is that of Prometheus' scanner, which takes more than `number.ts` and `duration.ts`
 * can read; the parser reports the rest.
 */
import { isAlphanumeric, isDigit } from './characters.ts';

/** What begins at a digit or a dot: a number, a duration, or neither up to `end`. */
export interface ScannedNumber {
  readonly kind: 'number' | 'duration' | 'bad';
  readonly end: number;
}

const DOT = 46;
const UNDERSCORE = 95;
const PLUS = 43;
const MINUS = 45;
const ZERO = 48;
const LOWER_X = 120;
const LOWER_S = 115;
/** `ms` is scanned as `m` followed by `s`. */
const FIRST_UNITS = 'smhdwy';
/** Years stand first only. */
const LATER_UNITS = 'smhdw';

/** Scans what begins at `at`, which is a digit, or a dot before a digit. */
export function scanNumberOrDuration(text: string, at: number): ScannedNumber {
  const number = scanNumber(text, at);
  if (number.isNumber) return { kind: 'number', end: number.end };
  const duration = scanUnits(text, number.end);
  return { kind: duration.isDuration ? 'duration' : 'bad', end: duration.end };
}

/**
 * Scans a number that is never hexadecimal, as in the notation of series: an `x` after it repeats the value.
 */
export function endOfDecimal(text: string, at: number): NumberEnd {
  const number = scanDigits(text, at, isDigit);
  return text.charCodeAt(number.end) === LOWER_X && isDigit(text.charCodeAt(number.end - 1))
    ? { isNumber: true, end: number.end }
    : number;
}

interface NumberEnd {
  readonly isNumber: boolean;
  readonly end: number;
}

function scanNumber(text: string, at: number): NumberEnd {
  let p = at;
  let isDigitHere = isDigit;
  if (text.charCodeAt(p) === ZERO) {
    p += 1;
    if ((text.charCodeAt(p) | 32) === LOWER_X) {
      p += 1;
      if (text.charCodeAt(p) === UNDERSCORE) p += 1;
      isDigitHere = isHexDigit;
    }
  }
  if (text.charCodeAt(p) === DOT) p += 1;
  if (isDigitHere(text.charCodeAt(p))) p += 1;
  return scanDigits(text, p, isDigitHere);
}

/** Scans digits, dots, underscores and exponents; a sign may follow an exponent's letter. */
function scanDigits(text: string, at: number, isDigitHere: (code: number) => boolean): NumberEnd {
  let p = at;
  let [hasDot, hasExponent] = [false, false];
  for (;;) {
    const code = text.charCodeAt(p);
    if (code === DOT) {
      p += 1;
      if (hasDot) return { isNumber: false, end: p };
      hasDot = true;
      const next = text.charCodeAt(p);
      if (next === UNDERSCORE || next === DOT) return { isNumber: false, end: p + 1 };
      if (isDigitHere !== isDigit) return { isNumber: false, end: p };
    } else if (isExponent(code)) {
      p += 1;
      if (hasExponent) return { isNumber: false, end: p };
      hasExponent = true;
      if (text.charCodeAt(p) === PLUS || text.charCodeAt(p) === MINUS) p += 1;
      const end = endIfBroken(text, p);
      if (end >= 0) return { isNumber: false, end };
    } else if (code === UNDERSCORE) {
      p += 1;
      const end = endIfBroken(text, p);
      if (end >= 0) return { isNumber: false, end };
    } else if (isDigitHere(code)) {
      p += 1;
      while (isDigitHere(text.charCodeAt(p))) p += 1;
    } else {
      return { isNumber: !isAlphanumeric(code), end: p };
    }
  }
}

/** Where a number ends that something forbidden follows after `_` or `e`; -1 if nothing does. */
function endIfBroken(text: string, at: number): number {
  if (at >= text.length) return at;
  const code = text.charCodeAt(at);
  return code === DOT || code === UNDERSCORE || isExponent(code) ? at + 1 : -1;
}

/** Scans the first unit of a duration and what follows it. */
function scanUnits(text: string, at: number): { isDuration: boolean; end: number } {
  if (!isOneOf(FIRST_UNITS, text, at)) return { isDuration: false, end: at };
  let p = at + 1;
  if (text.charCodeAt(p) === LOWER_S) p += 1;
  while (isDigit(text.charCodeAt(p))) {
    while (isDigit(text.charCodeAt(p))) p += 1;
    if (!isOneOf(LATER_UNITS, text, p)) return { isDuration: false, end: p };
    p += 1;
    if (text.charCodeAt(p) === LOWER_S) p += 1;
  }
  if (isAlphanumeric(text.charCodeAt(p))) return { isDuration: false, end: p + 1 };
  return { isDuration: true, end: p };
}

function isOneOf(characters: string, text: string, at: number): boolean {
  return at < text.length && characters.includes(text.charAt(at));
}

function isExponent(code: number): boolean {
  return (code | 32) === 101;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || ((code | 32) >= 97 && (code | 32) <= 102);
}
