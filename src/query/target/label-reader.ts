/**
 * Reads the labels of series that come one after the other.
 *
 * Most labels of a series are those of the series before, which then share the text: nothing is
 * decoded, and less is kept.
 */
import { MessageError, type MessageReader } from './message-reader.ts';

/** Far more than a series has; bounds the memory for one message. */
const MAX_LABELS = 1_024;
const MAX_LABEL_FIELDS = 16;
const MAX_LABEL_BYTES = 2 ** 20;

export type LabelPair = readonly [string, string];

interface Known {
  readonly bytes: Buffer;
  readonly from: number;
  readonly length: number;
  readonly pair: LabelPair;
}

export class LabelReader {
  /** The labels of the series before, by their place. */
  readonly #known: Known[] = [];

  /** Reads the label in a field. @param place - how many labels of the series came before */
  read(reader: MessageReader, place: number): LabelPair {
    if (place >= MAX_LABELS) throw new MessageError(`a series has more than ${MAX_LABELS} labels`);
    const { bytes } = reader;
    const outer = reader.enter();
    const { at: from, end } = reader;
    if (end - from > MAX_LABEL_BYTES)
      throw new MessageError(`a label has more than ${MAX_LABEL_BYTES} bytes`);
    const known = this.#known[place];
    if (known && isSame(known, bytes, from, end - from)) {
      reader.leave(outer);
      return known.pair;
    }
    let name = '';
    let value = '';
    for (let fields = 0; reader.next(); fields++) {
      if (fields === MAX_LABEL_FIELDS) throw new MessageError('a label has too many fields');
      if (reader.field === 1) name = reader.text();
      else if (reader.field === 2) value = reader.text();
      else reader.skip();
    }
    reader.leave(outer);
    const pair = [name, value] as const;
    if (place <= this.#known.length) this.#known[place] = { bytes, from, length: end - from, pair };
    return pair;
  }
}

function isSame(known: Known, bytes: Buffer, from: number, length: number): boolean {
  if (known.length !== length) return false;
  // Labels differ in their last bytes more often than in their first.
  for (let at = length - 1; at >= 0; at--) {
    if (known.bytes[known.from + at] !== bytes[from + at]) return false;
  }
  return true;
}
