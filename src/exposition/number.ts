/**
 * Checks the values and timestamps of samples as Prometheus reads them.
 *
 * The grammar of values is that of Go's `strconv.ParseFloat` without hexadecimals and underscores
 * (Prometheus refuses both). A value may underflow a float64, but not overflow it. No function
 * converts a number: the merge copies the bytes as the app wrote them.
 */
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
/** Every integer of at most so many decimal digits is below 2^63. */
const SAFE_TIMESTAMP_DIGITS = 18;
const MAX_TIMESTAMP = 2n ** 63n - 1n;
/** A decimal without exponent and with fewer digits cannot exceed a float64 (1.8e308). */
const SAFE_VALUE_DIGITS = 300;

/**
 * Checks a sample's value.
 *
 * @param at - where the value begins
 * @returns the offset after the value, or -1 when no number begins at `at`. The caller checks the
 *   next byte: for `1x` the result is the offset of `x`
 */
export function skipValue(bytes: Uint8Array, at: number): number {
  let p = at;
  let byte = bytes[p]!;
  if (byte === MINUS || byte === PLUS) byte = bytes[++p]!;
  const digitsAt = p;
  while (byte >= ZERO && byte <= 57) byte = bytes[++p]!;
  let digits = p - digitsAt;
  if (byte === DOT) {
    byte = bytes[++p]!;
    const fractionAt = p;
    while (byte >= ZERO && byte <= 57) byte = bytes[++p]!;
    digits += p - fractionAt;
  }
  if (digits === 0) return skipWord(bytes, at, digitsAt);
  if (byte !== 101 && byte !== 69 && digits < SAFE_VALUE_DIGITS) return p;
  return skipLongValue(bytes, at, p);
}

/** Checks the rest of a value whose exponent or number of digits may make it overflow. */
function skipLongValue(bytes: Uint8Array, at: number, mantissaEnd: number): number {
  let p = mantissaEnd;
  if (bytes[p] === 101 || bytes[p] === 69) {
    p += 1;
    if (bytes[p] === MINUS || bytes[p] === PLUS) p += 1;
    const exponentAt = p;
    while (bytes[p]! >= ZERO && bytes[p]! <= 57) p += 1;
    if (p === exponentAt) return -1;
  }
  return Number.isFinite(Number(latin1(bytes, at, p))) ? p : -1;
}

/** Checks `Inf`, `+Infinity`, `nan` and the like, in upper or lower case; NaN takes no sign. */
function skipWord(bytes: Uint8Array, at: number, wordAt: number): number {
  let p = wordAt;
  while ((bytes[p]! | 32) >= 97 && (bytes[p]! | 32) <= 122 && p - wordAt < 9) p += 1;
  const word = latin1(bytes, wordAt, p).toLowerCase();
  if (word === 'inf' || word === 'infinity') return p;
  return word === 'nan' && at === wordAt ? p : -1;
}

/**
 * Checks a timestamp of the text format: milliseconds, digits only, below 2^63.
 *
 * @returns the offset after the timestamp, or -1
 */
export function skipTimestamp(bytes: Uint8Array, at: number): number {
  let p = at;
  while (bytes[p]! >= ZERO && bytes[p]! <= 57) p += 1;
  if (p === at) return -1;
  if (p - at <= SAFE_TIMESTAMP_DIGITS) return p;
  let first = at;
  while (first < p - 1 && bytes[first] === ZERO) first += 1;
  if (p - first > SAFE_TIMESTAMP_DIGITS + 1) return -1;
  return BigInt(latin1(bytes, first, p)) <= MAX_TIMESTAMP ? p : -1;
}

/**
 * Checks a timestamp of OpenMetrics: seconds, a finite number.
 *
 * @returns the offset after the timestamp, or -1
 */
export function skipSeconds(bytes: Uint8Array, at: number): number {
  const end = skipValue(bytes, at);
  if (end < 0) return -1;
  const last = bytes[end - 1]!;
  return (last >= ZERO && last <= 57) || last === DOT ? end : -1;
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}
