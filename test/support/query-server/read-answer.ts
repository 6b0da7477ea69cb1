/** `/api/v1/read` of the fake Prometheus: both types of answers. */
import { compress } from 'snappyjs';
import type { SeriesBlock, Storage } from '../../../src/promql/evaluate/storage.ts';
import { maskedChecksum } from '../../../src/push/read/snappy-frames.ts';
import { uncompressed } from '../snappy.ts';
import { chunkedMessage, readRequest, sampledAnswer, uvarintOf } from './protobuf.ts';
import { chunksOf } from './series-chunks.ts';

/** The chunks of a frame, so that long series take several frames. */
const CHUNKS_A_FRAME = 4;
const SAMPLES = 0;
const CHUNKS = 1;

export interface ReadOptions {
  readonly externalLabels: Readonly<Record<string, string>>;
  /** Which chunks it sends; undefined: it only knows samples. */
  readonly chunks: 'old' | 'new' | undefined;
  /** Whether the checksum of the last frame is wrong. */
  readonly wrongChecksum: boolean;
}

interface ReadAnswer {
  readonly contentType: string;
  readonly contentEncoding?: 'snappy';
  readonly parts: readonly Buffer[];
}

/** @param body - compressed */
export async function answerRead(
  body: Buffer,
  storage: Storage,
  { externalLabels, chunks, wrongChecksum }: ReadOptions,
): Promise<ReadAnswer> {
  const { queries, acceptedTypes } = readRequest(uncompressed(body));
  const results = await Promise.all(
    queries.map(async ({ startMs, endMs, matchers }) => {
      const local = matchers.filter(
        ({ name, op, value }) => op !== '=' || externalLabels[name] !== value,
      );
      const found = await storage.select(
        local,
        { afterMs: startMs - 1, untilMs: endMs },
        { function: '', stepMs: 0, rangeMs: 0 },
      );
      return found.map((block) => labelled(block, externalLabels)).sort(byLabels);
    }),
  );
  const type =
    acceptedTypes.find((one) => one === SAMPLES || (one === CHUNKS && chunks)) ?? SAMPLES;
  if (type === SAMPLES || chunks === undefined) {
    const parts = [compress(sampledAnswer(results))];
    return { contentType: 'application/x-protobuf', contentEncoding: 'snappy', parts };
  }
  const parts = results.flatMap((series, query) =>
    series.flatMap((block) => framesOf(block, query, chunks)),
  );
  const last = parts.at(-1);
  if (wrongChecksum && last !== undefined) {
    const wrong = Buffer.from(last);
    wrong[wrong.length - 1]! ^= 1;
    parts[parts.length - 1] = wrong;
  }
  return {
    contentType: 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse',
    parts,
  };
}

function labelled(block: SeriesBlock, external: Readonly<Record<string, string>>): SeriesBlock {
  const labels = { ...external, ...Object.fromEntries(block.labels) };
  return { ...block, labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)) };
}

function byLabels(a: SeriesBlock, b: SeriesBlock): number {
  return JSON.stringify(a.labels) < JSON.stringify(b.labels) ? -1 : 1;
}

function framesOf(block: SeriesBlock, query: number, format: 'old' | 'new'): Buffer[] {
  const chunks = chunksOf(block, format);
  const frames: Buffer[] = [];
  for (let at = 0; at < chunks.length; at += CHUNKS_A_FRAME) {
    frames.push(frame(chunkedMessage(block, chunks.slice(at, at + CHUNKS_A_FRAME), query)));
  }
  return frames;
}

/** A message with its length and its checksum in front. */
export function frame(message: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(unmasked(maskedChecksum(message)));
  return Buffer.concat([uvarintOf(message.length), checksum, message]);
}

/** CRC-32C without the mask that Snappy puts over it. */
function unmasked(masked: number): number {
  const rotated = (masked - 0xa282_ead8) >>> 0;
  return ((rotated << 15) | (rotated >>> 17)) >>> 0;
}
