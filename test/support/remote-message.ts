/**
 * Reads the messages of remote write, as a receiver does: by the specifications' field numbers, with
 * no code of the program but the one that decompresses.
 */
import assert from 'node:assert/strict';
import { uncompressed } from './snappy.ts';

interface ReceivedSample {
  readonly value: number;
  /** The eight bytes of the value, as hexadecimal digits from the highest. */
  readonly bits: string;
  readonly atMs: number;
  /** 0 without a start. */
  readonly startMs: number;
}

export interface ReceivedSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** In the order of the message. */
  readonly names: readonly string[];
  readonly samples: readonly ReceivedSample[];
  readonly metadata?: { readonly type: number; readonly help: string; readonly unit: string };
}

interface ReceivedMetadata {
  readonly type: number;
  readonly name: string;
  readonly help: string;
  readonly unit: string;
}

export interface RemoteMessage {
  readonly series: readonly ReceivedSeries[];
  readonly metadata: readonly ReceivedMetadata[];
  /** Of protocol 2.0. */
  readonly symbols: readonly string[];
}

interface Field {
  readonly number: number;
  readonly bytes: Buffer;
  readonly varint: bigint;
}

function* fieldsOf(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      assert.ok(at < bytes.length && shift < 70n, 'a whole varint');
      const byte = BigInt(bytes[at++]!);
      value |= (byte & 127n) << shift;
      if (byte < 128n) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const [number, wireType] = [tag >> 3, tag & 7];
    if (wireType === 0) {
      yield { number, bytes: Buffer.alloc(0), varint: varint() };
      continue;
    }
    assert.ok(wireType === 1 || wireType === 2, `wire type ${wireType}`);
    const size = wireType === 1 ? 8 : Number(varint());
    assert.ok(at + size <= bytes.length, 'a field inside of its message');
    yield { number, bytes: bytes.subarray(at, at + size), varint: 0n };
    at += size;
  }
}

function varintsOf(bytes: Buffer): number[] {
  const all: number[] = [];
  let [value, shift] = [0, 0];
  for (const byte of bytes) {
    value += (byte & 127) * 2 ** shift;
    shift += 7;
    if (byte >= 128) continue;
    all.push(value);
    [value, shift] = [0, 0];
  }
  return all;
}

function readSample(bytes: Buffer): ReceivedSample {
  const found = { value: 0, bits: '0'.repeat(16), atMs: 0, startMs: 0 };
  for (const { number, bytes: part, varint } of fieldsOf(bytes)) {
    if (number === 1) {
      found.value = part.readDoubleLE();
      found.bits = Buffer.from(part).reverse().toString('hex');
    } else if (number === 2) found.atMs = Number(varint);
    else if (number === 3) found.startMs = Number(varint);
    else assert.fail(`field ${number} of a sample`);
  }
  return found;
}

function labelsOf(pairs: readonly (readonly [string, string])[]) {
  return { labels: Object.fromEntries(pairs), names: pairs.map(([name]) => name) };
}

/** Protocol 1.0. @param body - compressed */
export function readFirst(body: Buffer): RemoteMessage {
  const series: ReceivedSeries[] = [];
  const metadata: ReceivedMetadata[] = [];
  for (const { number, bytes } of fieldsOf(uncompressed(body))) {
    if (number === 3) metadata.push(readMetadata(bytes));
    else {
      assert.equal(number, 1);
      const parts = [...fieldsOf(bytes)];
      const pairs = parts
        .filter((part) => part.number === 1)
        .map((part) => {
          const texts = new Map(Array.from(fieldsOf(part.bytes), (one) => [one.number, one.bytes]));
          return [String(texts.get(1) ?? ''), String(texts.get(2) ?? '')] as const;
        });
      const samples = parts
        .filter((part) => part.number === 2)
        .map((part) => readSample(part.bytes));
      assert.equal(pairs.length + samples.length, parts.length, 'labels and samples only');
      series.push({ ...labelsOf(pairs), samples });
    }
  }
  return { series, metadata, symbols: [] };
}

function readMetadata(bytes: Buffer): ReceivedMetadata {
  const found = { type: 0, name: '', help: '', unit: '' };
  for (const { number, bytes: part, varint } of fieldsOf(bytes)) {
    if (number === 1) found.type = Number(varint);
    if (number === 2) found.name = part.toString();
    if (number === 4) found.help = part.toString();
    if (number === 5) found.unit = part.toString();
  }
  return found;
}

/** Protocol 2.0. @param body - compressed */
export function readSecond(body: Buffer): RemoteMessage {
  const fields = [...fieldsOf(uncompressed(body))];
  const symbols = fields.filter(({ number }) => number === 4).map(({ bytes }) => bytes.toString());
  const symbol = (ref: number): string => {
    assert.ok(ref < symbols.length, `a symbol ${ref} of ${symbols.length}`);
    return symbols[ref]!;
  };
  const series = fields
    .filter(({ number }) => number !== 4)
    .map(({ number, bytes }): ReceivedSeries => {
      assert.equal(number, 5);
      const parts = [...fieldsOf(bytes)];
      const refs = parts
        .filter((part) => part.number === 1)
        .flatMap(({ bytes }) => varintsOf(bytes));
      assert.equal(refs.length % 2, 0, 'references in pairs');
      const pairs = refs.flatMap((ref, at) =>
        at % 2 === 0 ? [[symbol(ref), symbol(refs[at + 1]!)] as const] : [],
      );
      const samples = parts
        .filter((part) => part.number === 2)
        .map((part) => readSample(part.bytes));
      const described = parts.find((part) => part.number === 5);
      const numbers = new Map(
        described &&
          Array.from(fieldsOf(described.bytes), (one) => [one.number, Number(one.varint)]),
      );
      const metadata = {
        type: numbers.get(1) ?? 0,
        help: symbol(numbers.get(3) ?? 0),
        unit: symbol(numbers.get(4) ?? 0),
      };
      return { ...labelsOf(pairs), samples, metadata };
    });
  return { series, metadata: [], symbols };
}
