/** Chunks of numbers: XOR and XOR2. */
import { BitWriter, XOR_CODES, XorColumn } from './bit-writer.ts';

/** A sample as a chunk keeps it. The value is bits, since a NaN may change its own as a number. */
export interface FloatSample {
  readonly timeMs: number;
  readonly high: number;
  readonly low: number;
  /** 0 where it is unknown. */
  readonly startMs?: number;
}

export const STALE_HIGH = 0x7ff0_0000;
export const STALE_LOW = 2;
/** The number of the sample from which on start times are always written. */
const LAST_START_CHANGE = 127;

/** Type 1. */
export function encodeXor(samples: readonly FloatSample[]): Buffer {
  const out = new BitWriter();
  const column = new XorColumn();
  out.bits(samples.length, 16);
  let deltaMs = 0;
  samples.forEach(({ timeMs, high, low }, at) => {
    const before = samples[at - 1];
    if (before === undefined) {
      out.varint(BigInt(timeMs));
      out.words(high, low, 64);
      column.start(high, low);
      return;
    }
    const nextMs = timeMs - before.timeMs;
    if (at === 1) out.uvarint(BigInt(nextMs));
    else writeChange(out, BigInt(nextMs - deltaMs));
    deltaMs = nextMs;
    column.write(out, [high, low], XOR_CODES);
  });
  return out.finish();
}

function writeChange(out: BitWriter, change: bigint): void {
  if (change === 0n) {
    out.bits(0, 1);
    return;
  }
  for (const [prefix, length, width] of [
    [0b10, 2, 14],
    [0b110, 3, 17],
    [0b1110, 4, 20],
  ] as const) {
    const half = 2n ** BigInt(width - 1);
    if (change < -half + 1n || change > half) continue;
    out.bits(prefix, length);
    out.integer(change, width);
    return;
  }
  out.bits(0b1111, 4);
  out.integer(change, 64);
}

const VALUE_CODES = [
  [0, 1],
  [0b10, 2],
  [0b110, 3],
] as const;
const CHANGED_CODES = [
  [0, 0],
  [0, 1],
  [1, 1],
] as const;

/** Type 4. */
export function encodeXor2(samples: readonly FloatSample[]): Buffer {
  const out = new BitWriter();
  const column = new XorColumn();
  const starts = new StartTimes(samples.map(({ startMs = 0 }) => startMs));
  out.bits(samples.length, 16);
  out.bits(starts.header, 8);
  let deltaMs = 0;
  samples.forEach(({ timeMs, high, low }, at) => {
    const isStale = high === STALE_HIGH && low === STALE_LOW;
    const before = samples[at - 1];
    if (before === undefined) {
      out.varint(BigInt(timeMs));
      out.words(high, low, 64);
      if (!isStale) column.start(high, low);
    } else if (at === 1) {
      deltaMs = timeMs - before.timeMs;
      out.uvarint(BigInt(deltaMs));
      if (isStale) out.bits(0b111, 3);
      else column.write(out, [high, low], VALUE_CODES);
    } else {
      const change = timeMs - before.timeMs - deltaMs;
      deltaMs += change;
      if (change !== 0) {
        writeChange2(out, BigInt(change));
        if (isStale) out.bits(0b111, 3);
        else column.write(out, [high, low], VALUE_CODES);
      } else if (isStale) out.bits(0b11111, 5);
      else if (column.isSame(high, low)) out.bits(0, 1);
      else {
        out.bits(0b10, 2);
        column.write(out, [high, low], CHANGED_CODES);
      }
    }
    starts.write(out, at, timeMs, before?.timeMs ?? 0);
  });
  return out.finish();
}

function writeChange2(out: BitWriter, change: bigint): void {
  if (change >= -4096n && change <= 4095n) {
    out.bits(0b110, 3);
    out.integer(change, 13);
  } else if (change >= -524_288n && change <= 524_287n) {
    out.bits(0b1110, 4);
    out.integer(change, 20);
  } else {
    out.bits(0b11110, 5);
    out.integer(change, 64);
  }
}

/** The start times of a chunk: each behind the sample that has it. */
export class StartTimes {
  readonly header: number;
  readonly #startsMs: readonly number[];
  readonly #changesAt: number;
  #differenceMs = 0;

  constructor(startsMs: readonly number[]) {
    this.#startsMs = startsMs;
    const first = startsMs.findIndex((start, at) => at > 0 && start !== startsMs[0]);
    const changes = first < 0 ? LAST_START_CHANGE : Math.min(first, LAST_START_CHANGE);
    const isReached = changes < startsMs.length;
    this.#changesAt = isReached ? changes : Number.POSITIVE_INFINITY;
    this.header = ((startsMs[0] ?? 0) === 0 ? 0 : 0x80) | (isReached ? changes : 0);
  }

  write(out: BitWriter, at: number, timeMs: number, previousMs: number): void {
    const startMs = this.#startsMs[at]!;
    if (at === 0 && startMs !== 0) out.varint(BigInt(timeMs - startMs));
    if (at < this.#changesAt) return;
    const differenceMs = previousMs - startMs;
    const isFirst = at === this.#changesAt;
    out.varbit(BigInt(isFirst ? differenceMs : differenceMs - this.#differenceMs));
    this.#differenceMs = differenceMs;
  }
}
