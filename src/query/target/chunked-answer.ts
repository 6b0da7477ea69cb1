/** Messages of a streamed answer: chunks of one series each. */
import { decodeChunk } from '../chunk/decode.ts';
import { MessageReader } from './message-reader.ts';
import type { SeriesBuilder } from './series-builder.ts';

interface Chunk {
  readonly type: number;
  readonly data: Buffer;
}

/** Reads `ChunkedReadResponse`, a chunk a step. */
export function* readChunked(message: Buffer, builder: SeriesBuilder): Generator<void> {
  const reader = new MessageReader(message);
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip(); // 2 is the index of the query: there is one
      continue;
    }
    const { labels, chunks } = readSeries(reader);
    builder.begin(labels);
    for (const { type, data } of chunks) {
      builder.add((columns) => decodeChunk(type, data, columns));
      yield;
    }
  }
}

function readSeries(reader: MessageReader): { labels: [string, string][]; chunks: Chunk[] } {
  const outer = reader.enter();
  const labels: [string, string][] = [];
  const chunks: Chunk[] = [];
  while (reader.next()) {
    if (reader.field === 1) labels.push(readLabel(reader));
    else if (reader.field === 2) chunks.push(readChunk(reader));
    else reader.skip();
  }
  reader.leave(outer);
  return { labels, chunks };
}

export function readLabel(reader: MessageReader): [string, string] {
  const outer = reader.enter();
  let name = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) value = reader.text();
    else reader.skip();
  }
  reader.leave(outer);
  return [name, value];
}

/** The times that a chunk says of itself are not needed. */
function readChunk(reader: MessageReader): Chunk {
  const outer = reader.enter();
  let type = 0;
  let data = Buffer.alloc(0);
  while (reader.next()) {
    if (reader.field === 3) type = reader.varint();
    else if (reader.field === 4) data = reader.slice() as typeof data;
    else reader.skip();
  }
  reader.leave(outer);
  return { type, data };
}
