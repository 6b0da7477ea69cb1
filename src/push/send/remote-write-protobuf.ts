/**
 * The messages of remote write: `prometheus.WriteRequest` of protocol 1.0, and
 * `io.prometheus.write.v2.Request` of protocol 2.0.
 *
 * Field numbers of all messages are below 16. An encoder pauses between series whenever `pace` says
 * so: 2,000 samples take 2 ms.
 *
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec/
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
 */
import type { Pace } from '../../clock.ts';
import type { FamilyType } from '../../exposition/grammar.ts';
import {
  BYTES,
  FIXED64,
  fieldSize,
  ProtobufWriter,
  tag,
  VARINT,
  varintSize,
} from '../page/protobuf-writer.ts';
import type { Batch, BatchSample } from './remote-write-batch.ts';
import type { SeriesFamily } from './series.ts';

export type ProtocolVersion = 1 | 2;

/** The numbers of types, in both protocols. */
export const TYPE_NUMBERS: Readonly<Record<FamilyType, number>> = {
  unknown: 0,
  counter: 1,
  gauge: 2,
  histogram: 3,
  gaugehistogram: 4,
  summary: 5,
  info: 6,
  stateset: 7,
};

/** Prometheus' stale marker: 0x7ff0000000000002. */
const STALE = Uint8Array.of(2, 0, 0, 0, 0, 0, 0xf0, 0x7f);
/** NaN as Prometheus stores it: 0x7ff8000000000001; any other NaN might look like a marker. */
const NOT_A_NUMBER = Uint8Array.of(1, 0, 0, 0, 0, 0, 0xf8, 0x7f);

/** How many samples are encoded between two looks at the time. */
const STRIDE = 64;

export async function encodeBatch(
  batch: Batch,
  version: ProtocolVersion,
  pace: Pace,
): Promise<Buffer> {
  return version === 1 ? encodeFirst(batch, pace) : encodeSecond(batch, pace);
}

/** The message of protocol 1.0 that describes families; protocol 2.0 describes each series. */
export function encodeMetadata(families: readonly SeriesFamily[]): Buffer {
  const writer = new ProtobufWriter();
  for (const { name, type, help, unit } of families) {
    const texts = [
      { field: 2, text: name, size: Buffer.byteLength(name) },
      { field: 4, text: help, size: Buffer.byteLength(help) },
      { field: 5, text: unit, size: Buffer.byteLength(unit) },
    ].filter(({ size }) => size > 0);
    const size = texts.reduce((sum, one) => sum + fieldSize(one.size), 2);
    writer.reserve(fieldSize(size));
    writer.byte(tag(3, BYTES));
    writer.varint(size);
    writer.byte(tag(1, VARINT));
    writer.byte(TYPE_NUMBERS[type]);
    for (const one of texts) writer.text(tag(one.field, BYTES), one.text, one.size);
  }
  return writer.bytes;
}

async function encodeFirst({ atMs, samples }: Batch, pace: Pace): Promise<Buffer> {
  const writer = new ProtobufWriter();
  const sampleSize = 9 + 1 + varintSize(atMs);
  const sizes: number[] = [];
  for (const [at, { labels, value }] of samples.entries()) {
    let size = fieldSize(sampleSize);
    for (let i = 0; i < labels.length; i += 2) {
      sizes[i] = Buffer.byteLength(labels[i]!);
      sizes[i + 1] = Buffer.byteLength(labels[i + 1]!);
      size += fieldSize(fieldSize(sizes[i]!) + fieldSize(sizes[i + 1]!));
    }
    writer.reserve(fieldSize(size));
    writer.byte(tag(1, BYTES));
    writer.varint(size);
    for (let i = 0; i < labels.length; i += 2) {
      writer.byte(tag(1, BYTES));
      writer.varint(fieldSize(sizes[i]!) + fieldSize(sizes[i + 1]!));
      writer.text(tag(1, BYTES), labels[i]!, sizes[i]!);
      writer.text(tag(2, BYTES), labels[i + 1]!, sizes[i + 1]!);
    }
    writer.byte(tag(2, BYTES));
    writer.varint(sampleSize);
    writeValue(writer, value);
    writer.byte(tag(2, VARINT));
    writer.varint(atMs);
    if (at % STRIDE === 0) await pace();
  }
  return writer.bytes;
}

/** Field 1 of a sample in both protocols. */
function writeValue(writer: ProtobufWriter, value: number | undefined): void {
  writer.byte(tag(1, FIXED64));
  if (value === undefined) writer.raw(STALE);
  else if (Number.isNaN(value)) writer.raw(NOT_A_NUMBER);
  else writer.double(value);
}

async function encodeSecond({ atMs, samples }: Batch, pace: Pace): Promise<Buffer> {
  const symbols = new Map<string, number>([['', 0]]);
  const series = new ProtobufWriter();
  for (const [at, sample] of samples.entries()) {
    writeSeries(series, symbols, sample, atMs);
    if (at % STRIDE === 0) await pace();
  }
  const writer = new ProtobufWriter();
  let count = 0;
  for (const symbol of symbols.keys()) {
    const size = Buffer.byteLength(symbol);
    writer.reserve(fieldSize(size));
    writer.text(tag(4, BYTES), symbol, size);
    if (++count % STRIDE === 0) await pace();
  }
  writer.reserve(series.bytes.length);
  writer.raw(series.bytes);
  return writer.bytes;
}

function writeSeries(
  writer: ProtobufWriter,
  symbols: Map<string, number>,
  { labels, family, value, createdMs }: BatchSample,
  atMs: number,
): void {
  const refOf = (text: string): number => {
    const known = symbols.get(text);
    if (known !== undefined) return known;
    symbols.set(text, symbols.size);
    return symbols.size - 1;
  };
  const refs = labels.map(refOf);
  const [help, unit] = [refOf(family.help), refOf(family.unit)];
  const startMs = createdMs <= atMs ? createdMs : 0; // a start after the sample makes no sense
  const refsSize = refs.reduce((sum, ref) => sum + varintSize(ref), 0);
  const sampleSize = 9 + 1 + varintSize(atMs) + (startMs > 0 ? 1 + varintSize(startMs) : 0);
  const metadataSize = 2 + 1 + varintSize(help) + 1 + varintSize(unit);
  const size = fieldSize(refsSize) + fieldSize(sampleSize) + fieldSize(metadataSize);
  writer.reserve(fieldSize(size));
  writer.byte(tag(5, BYTES));
  writer.varint(size);
  writer.byte(tag(1, BYTES));
  writer.varint(refsSize);
  for (const ref of refs) writer.varint(ref);
  writer.byte(tag(2, BYTES));
  writer.varint(sampleSize);
  writeValue(writer, value);
  writer.byte(tag(2, VARINT));
  writer.varint(atMs);
  if (startMs > 0) {
    writer.byte(tag(3, VARINT));
    writer.varint(startMs);
  }
  writer.byte(tag(5, BYTES));
  writer.varint(metadataSize);
  writer.byte(tag(1, VARINT));
  writer.byte(TYPE_NUMBERS[family.type]);
  writer.byte(tag(3, VARINT));
  writer.varint(help);
  writer.byte(tag(4, VARINT));
  writer.varint(unit);
}
