/** What Pushgateway refuses and takes in sample lines, other than Prometheus. */

const LINE_FEED = 10;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const BACKSLASH = 92;
const LETTER_N = 110;

/** Whether a backslash stands before a character that it does not escape; Prometheus keeps both. */
export function hasStrangeEscape(bytes: Buffer, from: number, to: number): boolean {
  for (let p = from; p < to; p++) {
    if (bytes[p] !== BACKSLASH) continue;
    p++;
    if (bytes[p] !== BACKSLASH && bytes[p] !== QUOTE && bytes[p] !== LETTER_N) return true;
  }
  return false;
}

/**
 * Whether no comma stands between two labels.
 *
 * @param labels - offsets, four per label, up to `end`
 */
export function lacksComma(bytes: Buffer, labels: Int32Array, end: number): boolean {
  for (let at = 4; at < end; at += 4) {
    let p = labels[at - 1]!;
    while (bytes[p] !== COMMA) if (++p >= labels[at]!) return true;
  }
  return false;
}

/** Whether a timestamp before 1970 stands at the end of the line, which only Pushgateway can read. */
export function isNegativeTimestamp(bytes: Buffer, at: number): boolean {
  if (bytes[at] !== MINUS) return false;
  return /^-\d{1,18}$/.test(
    bytes.toString('latin1', at, Math.min(at + 21, bytes.indexOf(LINE_FEED, at))),
  );
}
