/** Chunks of numbers, type 4: one prefix for time and value, and start times. */
import type { BitReader } from './bit-reader.ts';
import type { SampleColumns } from './sample-columns.ts';
import { StartTimes } from './start-times.ts';
import { XorValue } from './xor-value.ts';

const STALE_HIGH = 0x7ff0_0000;
const STALE_LOW = 2;

const value = new XorValue();
const starts = new StartTimes();

/** Decodes what follows the count. @param reader - stands behind the count */
export function decodeXor2(reader: BitReader, count: number, columns: SampleColumns): void {
  starts.open(reader.bits(8));
  let timeMs = 0;
  let deltaMs = 0;
  let isStale = false;
  for (let at = 0; at < count; at++) {
    const previousMs = timeMs;
    if (at === 0) {
      timeMs = reader.varint();
      value.start(reader);
      isStale = value.isStale;
      if (isStale) value.setZero(); // a marker is never the base of a value
    } else if (at === 1) {
      deltaMs = reader.uvarint();
      timeMs += deltaMs;
      isStale = nextValue(reader);
    } else {
      const ahead = reader.peek();
      if (ahead >= 0) {
        reader.skip(1);
        isStale = false;
      } else if ((ahead & 0x4000_0000) === 0) {
        reader.skip(3);
        isStale = false;
        if ((ahead & 0x2000_0000) === 0) value.inOldWindow(reader);
        else value.inNewWindow(reader);
      } else if (ahead >>> 27 === 0b11111) {
        reader.skip(5);
        isStale = true;
      } else {
        deltaMs += change(reader, ahead);
        isStale = nextValue(reader);
      }
      timeMs += deltaMs;
    }
    const startMs = starts.read(reader, at, timeMs, previousMs);
    reader.check();
    if (isStale) columns.push(timeMs, STALE_HIGH, STALE_LOW);
    else columns.push(timeMs, value.high, value.low);
    columns.setStart(startMs);
  }
}

/** The change of the distance between two times. @param ahead - begins with two ones, but not with five */
function change(reader: BitReader, ahead: number): number {
  if ((ahead & 0x2000_0000) === 0) {
    reader.skip(3);
    return complement(reader.bits(13), 13);
  }
  if ((ahead & 0x1000_0000) === 0) {
    reader.skip(4);
    return complement(reader.bits(20), 20);
  }
  reader.skip(5);
  return reader.signed64();
}

function complement(bits: number, width: number): number {
  return bits >= 2 ** (width - 1) ? bits - 2 ** width : bits;
}

/** Reads `0`: the same, `10`: old window, `110`: new one, `111`: the stale marker. */
function nextValue(reader: BitReader): boolean {
  const ahead = reader.peek();
  if (ahead >= 0) {
    reader.skip(1);
    return false;
  }
  if ((ahead & 0x4000_0000) === 0) {
    reader.skip(2);
    value.inOldWindow(reader);
    return false;
  }
  reader.skip(3);
  if ((ahead & 0x2000_0000) !== 0) return true;
  value.inNewWindow(reader);
  return false;
}
