/** Shows the kernel the names of the labels that a merge inserts. */
import type { LabelNames } from '../exposition/label-names.ts';
import { kernel } from './kernel.ts';

const INTEGER_BYTES = Int32Array.BYTES_PER_ELEMENT;
/** The bitmap of letters by length, then the number of names, and room to align what follows. */
const BITMAP_INTEGERS = 64;
const ENTRIES_AFTER_BYTES = BITMAP_INTEGERS * INTEGER_BYTES + 16;
const ENTRY_BYTES = 16;
/** Bytes that may be read behind a name. */
const SLACK = 16;

/** Whether the kernel has room for the names. */
export function isShown({ names }: LabelNames): boolean {
  const { MAX_RESERVED, RESERVED_TEXT_BYTES } = kernel();
  const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(name) + SLACK, 0);
  return names.length <= MAX_RESERVED && bytes <= RESERVED_TEXT_BYTES;
}

let shown: LabelNames | undefined;

export function showReserved(reserved: LabelNames): void {
  if (reserved === shown || !isShown(reserved)) return;
  shown = reserved;
  const { RESERVED_AT, RESERVED_TEXT_AT, bytes, integers } = kernel();
  const bitmap = RESERVED_AT / INTEGER_BYTES;
  integers.fill(0, bitmap, bitmap + BITMAP_INTEGERS);
  integers[bitmap + BITMAP_INTEGERS] = reserved.names.length;
  let textAt = RESERVED_TEXT_AT;
  for (const [at, name] of reserved.names.entries()) {
    const text = Buffer.from(name);
    text.copy(bytes, textAt);
    integers[bitmap + (text.length & 63)]! |= 1 << (text[0]! & 31);
    const entry = RESERVED_AT + ENTRIES_AFTER_BYTES + at * ENTRY_BYTES;
    bytes.fill(0, entry, entry + 8);
    text.copy(bytes, entry, 0, Math.min(8, text.length));
    integers[entry / INTEGER_BYTES + 2] = text.length;
    integers[entry / INTEGER_BYTES + 3] = textAt;
    textAt += text.length + SLACK;
  }
}
