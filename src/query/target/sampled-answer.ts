/** The answer of a server that sends samples: `ReadResponse`. */
import { readHistogram } from './histogram-message.ts';
import { type LabelPair, LabelReader } from './label-reader.ts';
import { MessageError, MessageReader } from './message-reader.ts';
import type { SeriesBuilder } from './series-builder.ts';

/** Samples between two steps. */
const STEP_SAMPLES = 8_192;
const STEP_BYTES = 2 ** 18;
/** Far more than a sample has: its time and its value. */
const MAX_SAMPLE_BYTES = 1_024;

/** @param message - decompressed */
export function* readSampled(message: Buffer, builder: SeriesBuilder): Generator<void> {
  const reader = new MessageReader(message);
  const labels = new LabelReader();
  let fields = 0;
  while (reader.next()) {
    if (++fields % STEP_SAMPLES === 0) yield;
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const outer = reader.enter(); // the result of the only query
    while (reader.next()) {
      if (++fields % STEP_SAMPLES === 0) yield;
      if (reader.field === 1) yield* readSeries(reader, labels, builder);
      else reader.skip();
    }
    reader.leave(outer);
  }
}

function* readSeries(
  reader: MessageReader,
  labelReader: LabelReader,
  builder: SeriesBuilder,
): Generator<void> {
  const outer = reader.enter();
  const labels: LabelPair[] = [];
  let from = reader.at;
  for (; reader.next() && reader.field === 1; from = reader.at) {
    labels.push(labelReader.read(reader, labels.length));
  }
  reader.at = from; // the first field that is no label
  if (from < reader.end) builder.begin(labels);
  else yield; // a series without samples is left out
  while (reader.at < reader.end) {
    builder.add((columns) => {
      const stepEnd = reader.at + STEP_BYTES;
      for (let count = 0; count < STEP_SAMPLES && reader.at < stepEnd && reader.next(); count++) {
        if (reader.field === 2) {
          columns.reserve(1);
          readSample(reader, (timeMs, high, low) => columns.push(timeMs, high, low));
        } else if (reader.field === 4) {
          columns.reserve(1);
          const { timeMs, histogram } = readHistogram(reader);
          columns.pushHistogram(timeMs, histogram);
        } else if (reader.field === 1) throw new MessageError('labels come behind samples');
        else reader.skip();
      }
    });
    yield;
  }
  reader.leave(outer);
}

function readSample(
  reader: MessageReader,
  push: (timeMs: number, high: number, low: number) => void,
): void {
  const outer = reader.enter();
  const { bytes } = reader;
  if (reader.end - reader.at > MAX_SAMPLE_BYTES)
    throw new MessageError(`a sample has more than ${MAX_SAMPLE_BYTES} bytes`);
  let timeMs = 0;
  let high = 0;
  let low = 0;
  while (reader.next()) {
    if (reader.field === 1) {
      const at = reader.fixed64();
      low = bytes.readInt32LE(at);
      high = bytes.readInt32LE(at + 4);
    } else if (reader.field === 2) timeMs = reader.signed();
    else reader.skip();
  }
  reader.leave(outer);
  push(timeMs, high, low);
}
