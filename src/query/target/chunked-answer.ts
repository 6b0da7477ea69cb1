/** Messages of a streamed answer: chunks of one series each. */
import type { ChunkPlace } from '../chunk/decode.ts';
import type { MessagePlace } from './frame-reader.ts';
import type { LabelPair, LabelReader } from './label-reader.ts';
import { MessageError, MessageReader } from './message-reader.ts';

/** Far more than a frame of Prometheus has; bounds the memory for one message. */
const MAX_CHUNKS = 65_536;
const MAX_SERIES = 4_096;

/** Chunks of one series; they are in the bytes of the message. */
export interface SeriesChunks {
  readonly labels: readonly LabelPair[];
  readonly chunks: readonly ChunkPlace[];
}

/** Reads `ChunkedReadResponse`: almost always one series. */
export function readChunked(message: MessagePlace, labels: LabelReader): SeriesChunks[] {
  const reader = new MessageReader(message.bytes, message.from, message.to);
  const all: SeriesChunks[] = [];
  while (reader.next()) {
    if (reader.field !== 1)
      reader.skip(); // 2 is the index of the query: there is one
    else if (all.push(readSeries(reader, labels)) > MAX_SERIES)
      throw new MessageError(`a frame has more than ${MAX_SERIES} series`);
  }
  return all;
}

function readSeries(reader: MessageReader, labelReader: LabelReader): SeriesChunks {
  const outer = reader.enter();
  const labels: LabelPair[] = [];
  const chunks: ChunkPlace[] = [];
  while (reader.next()) {
    if (reader.field === 1) labels.push(labelReader.read(reader, labels.length));
    else if (reader.field !== 2) reader.skip();
    else if (chunks.push(readChunk(reader)) > MAX_CHUNKS)
      throw new MessageError(`a frame has more than ${MAX_CHUNKS} chunks`);
  }
  reader.leave(outer);
  return { labels, chunks };
}

/** The times that a chunk says of itself are not needed. */
function readChunk(reader: MessageReader): ChunkPlace {
  const outer = reader.enter();
  let type = 0;
  let from = reader.at;
  let to = from;
  while (reader.next()) {
    if (reader.field === 3) type = reader.varint();
    else if (reader.field === 4) {
      from = reader.skipBytes();
      to = reader.at;
    } else reader.skip();
  }
  reader.leave(outer);
  return { type, from, to };
}
