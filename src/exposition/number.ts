/**
 * Numbers as Prometheus reads them: the values and timestamps of samples.
 *
 * Values are Go's `strconv.ParseFloat` without hexadecimals and underscores (Prometheus refuses
 * both); one that overflows a float64 is refused, one that underflows is not. Nothing is converted:
 * the bytes are checked and pass on as written.
 */
const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
/** Every integer of fewer decimal digits is below 2^63. */
const SAFE_TIMESTAMP_DIGITS = 18;
const MAX_TIMESTAMP = 2n ** 63n - 1n;
/** A decimal without exponent and with fewer digits cannot exceed a float64 (1.8e308). */
const SAFE_VALUE_DIGITS = 300;

/**
 * Checks a sample's value.
 *
 * @param at - where the value begins
 * @returns the offset behind it, or -1 when there is no number at `at`. What follows is the
 *   caller's to check: `1x` is a number here, followed by `x`
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

/** The rest of a value that has an exponent or very many digits, so that it may overflow. */
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

/** `Inf`, `+Infinity`, `nan` …, in any case; NaN takes no sign. */
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
 * @returns the offset behind it, or -1
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
 * @returns the offset behind it, or -1
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
