/**
 * The form in which batches wait for a receiver that is away: the message of protocol 2.0, in
 * snappy's block format. Read back, a batch can be sent by either protocol, or in parts.
 */
import { compress } from 'snappyjs';
import type { Pace } from '../../clock.ts';
import type { FamilyType } from '../../exposition/grammar.ts';
import { decodeBlock } from '../read/snappy-frames.ts';
import type { Batch, BatchSample } from './remote-write-batch.ts';
import { encodeBatch, TYPE_NUMBERS } from './remote-write-protobuf.ts';

/** Far more than a batch has. */
const MAX_BYTES = 64 * 2 ** 20;

export async function packBatch(batch: Batch, pace: Pace): Promise<Buffer> {
  return compress(await encodeBatch(batch, 2, pace));
}

/** @throws {Error} for bytes that `packBatch` did not make: the file is damaged */
export async function unpackBatch(bytes: Buffer, pace: Pace): Promise<Batch> {
  const message = decodeBlock(bytes, MAX_BYTES); // snappyjs runs forever at some damaged blocks
  const symbols: string[] = [];
  const samples: BatchSample[] = [];
  let atMs = 0;
  const reader = new Reader(message);
  for (let field = reader.field(); field !== undefined; field = reader.field()) {
    const part = reader.part();
    if (field === 4) symbols.push(part.toString('utf8'));
    else if (field !== 5) throw new Error(`a field ${field}`);
    else {
      const read = readSeries(part, symbols);
      atMs = read.atMs;
      samples.push(read.sample);
    }
    if (samples.length % 64 === 0) await pace();
  }
  return { atMs, samples };
}

const TYPES = new Map(
  Object.entries(TYPE_NUMBERS).map(([type, number]) => [number, type as FamilyType]),
);

function readSeries(bytes: Buffer, symbols: readonly string[]) {
  const symbol = (ref: number): string => {
    const text = symbols[ref];
    if (text === undefined) throw new Error(`no symbol ${ref}`);
    return text;
  };
  let labels: string[] = [];
  let sample = { atMs: 0, createdMs: 0, value: undefined as number | undefined };
  let family: BatchSample['family'] = { type: 'unknown', help: '', unit: '' };
  const reader = new Reader(bytes);
  for (let field = reader.field(); field !== undefined; field = reader.field()) {
    const part = new Reader(reader.part());
    if (field === 1) labels = part.varints().map(symbol);
    else if (field === 2) sample = readSample(part);
    else {
      const numbers = part.numbers();
      const type = TYPES.get(numbers.get(1) ?? 0) ?? 'unknown';
      family = { type, help: symbol(numbers.get(3) ?? 0), unit: symbol(numbers.get(4) ?? 0) };
    }
  }
  if (labels.length === 0) throw new Error('a series without labels');
  const { atMs, ...rest } = sample;
  return { atMs, sample: { labels, family, ...rest } };
}

function readSample(reader: Reader) {
  reader.field();
  const value = reader.double();
  const numbers = reader.numbers();
  return { value, atMs: numbers.get(2) ?? 0, createdMs: numbers.get(3) ?? 0 };
}

/** Reads what `ProtobufWriter` wrote; anything else throws. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The number of the next field; undefined at the end. */
  field(): number | undefined {
    return this.#at < this.#bytes.length ? this.#bytes.readUInt8(this.#at++) >> 3 : undefined;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#bytes.readUInt8(this.#at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new Error('a number without end');
  }

  varints(): number[] {
    const all: number[] = [];
    while (this.#at < this.#bytes.length) all.push(this.varint());
    return all;
  }

  /** The rest, if all its fields are varints. */
  numbers(): Map<number, number> {
    const all = new Map<number, number>();
    for (let field = this.field(); field !== undefined; field = this.field()) {
      all.set(field, this.varint());
    }
    return all;
  }

  /** undefined for the stale marker. */
  double(): number | undefined {
    const at = this.#at;
    this.#at += 8;
    const value = this.#bytes.readDoubleLE(at);
    return Number.isNaN(value) && this.#bytes.readUInt8(at) === 2 ? undefined : value;
  }

  part(): Buffer {
    const size = this.varint();
    const end = this.#at + size;
    if (end > this.#bytes.length) throw new Error('a message that is cut off');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
