/**
 * Chunks of numbers, type 1: changes of the distance between times, and XOR of values.
 *
 * Measured: 870,700 samples in 2.9 MB take 24 ms; `bench/query.ts` holds the figure.
 *
 * @see https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/chunks.md
 */
import type { BitReader } from './bit-reader.ts';
import type { SampleColumns } from './sample-columns.ts';
import { XorValue } from './xor-value.ts';

const value = new XorValue();

/** Decodes what follows the count. @param reader - stands behind the count */
export function decodeXor(reader: BitReader, count: number, columns: SampleColumns): void {
  if (count === 0) return;
  let timeMs = reader.varint();
  value.start(reader);
  reader.check();
  columns.push(timeMs, value.high, value.low);
  if (count === 1) return;
  let deltaMs = reader.uvarint();
  timeMs += deltaMs;
  value.next(reader);
  reader.check();
  columns.push(timeMs, value.high, value.low);
  for (let at = 2; at < count; at++) {
    const ahead = reader.peek();
    if (ahead >>> 30 === 0) reader.skip(2);
    else {
      if (ahead >= 0) reader.skip(1);
      else deltaMs += change(reader, ahead);
      value.next(reader);
    }
    reader.check();
    timeMs += deltaMs;
    columns.push(timeMs, value.high, value.low);
  }
}

/** The change of the distance between two times. @param ahead - begins with a one */
function change(reader: BitReader, ahead: number): number {
  if ((ahead & 0x4000_0000) === 0) {
    reader.skip(2);
    return reader.signed(14);
  }
  if ((ahead & 0x2000_0000) === 0) {
    reader.skip(3);
    return reader.signed(17);
  }
  reader.skip(4);
  return (ahead & 0x1000_0000) === 0 ? reader.signed(20) : reader.signed64();
}
