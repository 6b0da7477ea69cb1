/**
 * The 64-bit hash of a label set by which `limit_ratio` chooses series.
 *
 * XXH64 with seed 0 over the lengths and bytes of all names and values, so that the same series
 * are chosen as Prometheus chooses.
 *
 * @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */
import type { Labels } from './labels.ts';

const MASK = (1n << 64n) - 1n;
const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;

/** The hash of a label set as a fraction of 2^64, in [0, 1]. */
export function labelsFraction(labels: Labels): number {
  const parts: Buffer[] = [];
  labels.names.forEach((name, at) => {
    for (const text of [name, labels.values[at] ?? '']) {
      const bytes = Buffer.from(text);
      const size =
        bytes.length < 255
          ? Buffer.of(bytes.length)
          : Buffer.of(255, bytes.length & 255, (bytes.length >> 8) & 255, bytes.length >> 16);
      parts.push(size, bytes);
    }
  });
  return Number(xxHash64(Buffer.concat(parts))) / 2 ** 64;
}

/** XXH64 with seed 0. */
export function xxHash64(bytes: Buffer): bigint {
  let at = 0;
  let hash = PRIME_5;
  if (bytes.length >= 32) {
    const lanes = [(PRIME_1 + PRIME_2) & MASK, PRIME_2, 0n, -PRIME_1 & MASK];
    for (; at + 32 <= bytes.length; at += 32) {
      for (let lane = 0; lane < 4; lane++) {
        lanes[lane] = round(lanes[lane] ?? 0n, bytes.readBigUInt64LE(at + lane * 8));
      }
    }
    const [a = 0n, b = 0n, c = 0n, d = 0n] = lanes;
    hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & MASK;
    for (const lane of lanes) {
      hash = ((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4) & MASK;
    }
  }
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; at + 8 <= bytes.length; at += 8) {
    hash ^= round(0n, bytes.readBigUInt64LE(at));
    hash = (rotate(hash, 27n) * PRIME_1 + PRIME_4) & MASK;
  }
  if (at + 4 <= bytes.length) {
    hash ^= (BigInt(bytes.readUInt32LE(at)) * PRIME_1) & MASK;
    hash = (rotate(hash, 23n) * PRIME_2 + PRIME_3) & MASK;
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash ^= (BigInt(bytes[at] ?? 0) * PRIME_5) & MASK;
    hash = (rotate(hash, 11n) * PRIME_1) & MASK;
  }
  hash = ((hash ^ (hash >> 33n)) * PRIME_2) & MASK;
  hash = ((hash ^ (hash >> 29n)) * PRIME_3) & MASK;
  return hash ^ (hash >> 32n);
}

function round(lane: bigint, input: bigint): bigint {
  return (rotate((lane + input * PRIME_2) & MASK, 31n) * PRIME_1) & MASK;
}

function rotate(value: bigint, by: bigint): bigint {
  return ((value << by) | (value >> (64n - by))) & MASK;
}
