/** Bytes, sixteen at a time. What is read behind the end of something decides nothing. */

export function block(at: i32): v128 {
  return v128.load(at);
}

/** A bit for each of 16 bytes that equals `byte`. */
export function equal(bytes: v128, byte: i8): i32 {
  return i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(byte)));
}

/** A bit for each of 16 bytes that is a digit. */
export function digits(bytes: v128): i32 {
  return i8x16.bitmask(i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(48)), i8x16.splat(10)));
}

/** The number of characters of a name at `at`, up to 16; `last` is the last "digit": 57, or 58 with `:`. */
function nameBytes(at: i32, digitsAndMore: i8): i32 {
  const bytes = block(at);
  const letters = i8x16.lt_u(
    i8x16.sub(v128.or(bytes, i8x16.splat(32)), i8x16.splat(97)),
    i8x16.splat(26),
  );
  const numbers = i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(48)), i8x16.splat(digitsAndMore));
  const underscores = i8x16.eq(bytes, i8x16.splat(95));
  return ctz(~i8x16.bitmask(v128.or(v128.or(letters, numbers), underscores)));
}

/** The end of the metric name at `at`. */
export function metricNameEnd(at: i32): i32 {
  let p = at;
  let length = nameBytes(p, 11);
  while (length == 16) {
    p += 16;
    length = nameBytes(p, 11);
  }
  return p + length;
}

/** The end of the label name at `at`. */
export function labelNameEnd(at: i32): i32 {
  let p = at;
  let length = nameBytes(p, 10);
  while (length == 16) {
    p += 16;
    length = nameBytes(p, 10);
  }
  return p + length;
}

/** Whether `length` bytes are the same. */
export function same(a: i32, b: i32, length: i32): bool {
  let done = 0;
  while (done + 16 <= length) {
    if (v128.any_true(v128.xor(block(a + done), block(b + done)))) return false;
    done += 16;
  }
  const differ = ~i8x16.bitmask(i8x16.eq(block(a + done), block(b + done)));
  return (differ & ((1 << (length - done)) - 1)) == 0;
}

/** A number of the bytes that nobody can foretell who does not know the seed. */
export function hash(at: i32, length: i32, seed: i64): i32 {
  let sum = seed ^ <i64>length;
  let done = 0;
  while (done + 8 <= length) {
    sum = (sum ^ load<i64>(at + done)) * 0x9e3779b97f4a7c15;
    sum ^= sum >>> 29;
    done += 8;
  }
  const rest = length - done;
  if (rest > 0) {
    const mask = ((<i64>1) << ((<i64>rest) << 3)) - 1;
    sum = (sum ^ (load<i64>(at + done) & mask)) * 0x9e3779b97f4a7c15;
  }
  sum ^= sum >>> 32;
  sum *= 0xd6e8feb86659fd93;
  return <i32>(sum >>> 32);
}
