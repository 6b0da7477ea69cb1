/** The back of a sample line: value, timestamp, line feed. */
import { block, digits, equal } from './bytes';

const LINE_FEED: i32 = 10;
const SPACE: i32 = 32;

/**
 * The address after the line feed that ends the value at `at`; 0 if it is not told here. That is so
 * for what is malformed, and for what is rare: an exemplar, three digits of exponent, more than 31
 * characters.
 */
export function lineEnd(from: i32): i32 {
  let at = from;
  if (load<i32>(at) == 0x0a4e614e) return at + 4; // "NaN\n"
  if (load<u8>(at) == 45) at += 1; // "-"
  const low = block(at);
  const number = digits(low);
  const length = ctz(~number);
  if (length == 0) return 0;
  at += length;
  if (length < 16) {
    const byte = <i32>load<u8>(at);
    if (byte == LINE_FEED) return at + 1;
    if (byte == 46) {
      // Digits, a dot, and perhaps digits.
      at += 1;
      let more = ctz(~digits(block(at)));
      if (more == 16) {
        at += 16;
        more = ctz(~digits(block(at)));
        if (more == 16) return 0;
      }
      at += more;
      if (load<u8>(at) == LINE_FEED) return at + 1;
    }
  } else {
    const more = ctz(~digits(block(at)));
    if (more == 16) return 0;
    at += more;
    if (load<u8>(at) == LINE_FEED) return at + 1;
    if (load<u8>(at) == 46) return 0;
  }
  return rareEnd(at);
}

/** The end of the line behind the digits of a value: a timestamp or an exponent. */
function rareEnd(from: i32): i32 {
  let at = from;
  const byte = <i32>load<u8>(at);
  if (byte == SPACE) {
    // A timestamp of up to 15 digits is one in both formats.
    at += 1;
    const length = ctz(~digits(block(at)));
    if (length == 0 || length == 16) return 0;
    at += length;
    return load<u8>(at) == LINE_FEED ? at + 1 : 0;
  }
  // "e" or "E", a sign, one or two digits: no such number overflows.
  if ((byte | 32) != 101) return 0;
  at += 1;
  const sign = <i32>load<u8>(at);
  if (sign == 43 || sign == 45) at += 1;
  const length = ctz(~digits(block(at)));
  if (length == 0 || length > 2) return 0;
  at += length;
  return load<u8>(at) == LINE_FEED ? at + 1 : 0;
}
