/** The back of a sample line: value, timestamp, exemplar, line feed. */
import { block, digits, equal } from './bytes';
import { clashes, editsEnd, labelsEnd, returnEdits } from './labels';

const LINE_FEED: i32 = 10;
const SPACE: i32 = 32;
const HASH: i32 = 35;
const DOT: i32 = 46;
const OPEN: i32 = 123;

/** The end of the value of the line read last, and whether a timestamp or an exemplar follows. */
export let valueTo: i32 = 0;
export let hasTimestamp: bool = false;
export let hasExemplar: bool = false;

/**
 * The address after the line feed of the line whose value is at `at`; 0 if it is not told here. That is
 * so for what is malformed, and for what is rare: three digits of exponent, more than 31 characters.
 *
 * @param strict - whether the page is OpenMetrics
 */
export function lineEnd(at: i32, strict: bool, base: i32): i32 {
  if (load<i32>(at) == 0x0a4e614e) return at + 4; // "NaN\n"
  const to = numberEnd(at);
  if (to == 0) return 0;
  return load<u8>(to) == LINE_FEED ? to + 1 : restEnd(to, strict, base);
}

/** Forgets what followed the value of the line before. */
export function beginBack(): void {
  hasTimestamp = false;
  hasExemplar = false;
}

/** The end of a timestamp, and in OpenMetrics of an exemplar, behind a value. */
function restEnd(at: i32, strict: bool, base: i32): i32 {
  valueTo = at;
  let p = at;
  if (load<u8>(p) != SPACE) return 0;
  if (!strict || load<u8>(p + 1) != HASH) {
    // Up to 15 digits are a timestamp in both formats.
    const length = ctz(~digits(block(p + 1)));
    if (length == 0 || length == 16) return 0;
    p += 1 + length;
    hasTimestamp = true;
    if (load<u8>(p) == LINE_FEED) return p + 1;
  }
  return strict ? exemplarEnd(p, base) : 0;
}

/** The end of the line of an exemplar: ` # {a="b"} 1 2`. Labels of exemplars are nobody else's. */
function exemplarEnd(at: i32, base: i32): i32 {
  if (load<u16>(at) != 0x2320 || load<u16>(at + 2) != 0x7b20) return 0; // " # {"
  const renames = editsEnd;
  let p = labelsEnd(at + 4, true, base, false);
  if (p == 0) return 0;
  if (clashes) returnEdits(renames);
  for (let nul = at; nul < p; nul += 16) {
    const nuls = equal(block(nul), 0);
    if (nuls != 0 && nul + ctz(nuls) < p) return 0;
  }
  if (load<u8>(p) != SPACE) return 0;
  p = numberEnd(p + 1);
  if (p == 0) return 0;
  if (load<u8>(p) == SPACE) p = numberEnd(p + 1);
  if (p == 0 || load<u8>(p) != LINE_FEED) return 0;
  hasExemplar = true;
  return p + 1;
}

/** The end of a decimal number without more than two digits of exponent, or 0. */
function numberEnd(from: i32): i32 {
  let at = from;
  if (load<u8>(at) == 45) at += 1; // "-"
  const length = digitsAt(at);
  if (length == 0 || length == 32) return 0;
  at += length;
  if (load<u8>(at) == DOT) {
    const more = digitsAt(at + 1);
    if (more == 32) return 0;
    at += 1 + more;
  }
  if ((<i32>load<u8>(at) | 32) != 101) return at; // "e", "E"
  at += 1;
  const sign = <i32>load<u8>(at);
  if (sign == 43 || sign == 45) at += 1;
  const exponent = ctz(~digits(block(at)));
  return exponent == 1 || exponent == 2 ? at + exponent : 0;
}

/** The number of digits at an address; 32 for more than 31. */
function digitsAt(at: i32): i32 {
  const length = ctz(~digits(block(at)));
  return length < 16 ? length : 16 + ctz(~digits(block(at + 16)) | 0x10000);
}
