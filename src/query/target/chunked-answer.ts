/** Messages of a streamed answer: chunks of one series each. */
import type { ChunkPlace } from '../chunk/decode.ts';
import type { MessagePlace } from './frame-reader.ts';
import type { LabelPair, LabelReader } from './label-reader.ts';
import { MessageError, MessageReader } from './message-reader.ts';
import type { SeriesBuilder } from './series-builder.ts';

/** Far more than a frame of Prometheus has; they bound the work for one message. */
const MAX_CHUNKS = 65_536;
const MAX_SERIES = 4_096;
const MAX_FIELDS = 2 ** 20;
const MAX_CHUNK_FIELDS = 64;
/** Fields that are not known, between two steps. */
const STEP_FIELDS = 4_096;

/**
 * Reads `ChunkedReadResponse`, almost always one series. A step is one chunk, or a series without
 * chunks, which is left out; nothing else of the message is kept.
 */
export function* readChunked(
  message: MessagePlace,
  labels: LabelReader,
  builder: SeriesBuilder,
): Generator<void> {
  const reader = new MessageReader(message.bytes, message.from, message.to, MAX_FIELDS);
  let series = 0;
  let chunks = 0;
  let skipped = 0;
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip(); // 2 is the index of the query: there is one
      if (++skipped % STEP_FIELDS === 0) yield;
      continue;
    }
    if (++series > MAX_SERIES) throw new MessageError(`a frame has more than ${MAX_SERIES} series`);
    for (const chunk of readSeries(reader, labels, builder)) {
      if (chunk === undefined) {
        yield;
        continue;
      }
      if (++chunks > MAX_CHUNKS)
        throw new MessageError(`a frame has more than ${MAX_CHUNKS} chunks`);
      builder.addChunk(message.bytes, chunk);
      yield;
    }
    yield;
  }
}

/** Begins the series at its first chunk. A step without a chunk has skipped fields. */
function* readSeries(
  reader: MessageReader,
  labelReader: LabelReader,
  builder: SeriesBuilder,
): Generator<ChunkPlace | undefined, void> {
  const outer = reader.enter();
  const labels: LabelPair[] = [];
  let hasChunks = false;
  let skipped = 0;
  while (reader.next()) {
    if (reader.field === 1 && hasChunks) throw new MessageError('labels come behind chunks');
    if (reader.field === 1) labels.push(labelReader.read(reader, labels.length));
    else if (reader.field !== 2) {
      reader.skip();
      if (++skipped % STEP_FIELDS === 0) yield undefined;
    } else {
      if (!hasChunks) builder.begin(labels);
      hasChunks = true;
      yield readChunk(reader);
    }
  }
  reader.leave(outer);
}

/** The times that a chunk says of itself are not needed. */
function readChunk(reader: MessageReader): ChunkPlace {
  const outer = reader.enter();
  let type = 0;
  let from = reader.at;
  let to = from;
  for (let fields = 0; reader.next(); fields++) {
    if (fields === MAX_CHUNK_FIELDS) throw new MessageError('a chunk has too many fields');
    if (reader.field === 3) type = reader.varint();
    else if (reader.field === 4) {
      from = reader.skipBytes();
      to = reader.at;
    } else reader.skip();
  }
  reader.leave(outer);
  return { type, from, to };
}
