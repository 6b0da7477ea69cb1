/** The faults of the lines of a body; a message gives the number of the line. */
import { ExpositionError } from '../../exposition/error.ts';
import type { SeriesScanner } from '../../exposition/series.ts';

const LINE_FEED = 10;
/** Bound on a part of the body in a message. */
const MAX_SHOWN_BYTES = 40;

/** @param offset - a byte of the line */
export function malformed(bytes: Buffer, offset: number, what: string): ExpositionError {
  return new ExpositionError('grammar', bytes, offset, what);
}

export function tooLong(bytes: Buffer, offset: number): ExpositionError {
  return new ExpositionError('too-large', bytes, offset, 'a name or label value is too long');
}

export function tooManyFamilies(bytes: Buffer, offset: number): ExpositionError {
  return new ExpositionError('too-large', bytes, offset, 'the body has too many metric families');
}

/** @param scanner - has failed to scan the front of the line */
export function badFront(bytes: Buffer, offset: number, scanner: SeriesScanner): ExpositionError {
  if (scanner.full) {
    return new ExpositionError('too-large', bytes, offset, 'the sample has too many labels');
  }
  if (scanner.tooLong) return tooLong(bytes, offset);
  const what = 'the name or labels are malformed, or a label occurs twice';
  return malformed(bytes, offset, what);
}

/** What stands at an offset, up to the next blank, to be shown to the client. */
export function tokenAt(bytes: Buffer, at: number): string {
  const to = Math.min(at + MAX_SHOWN_BYTES, bytes.indexOf(LINE_FEED, at));
  return bytes.toString('utf8', at, to).split(/[ \t]/, 1)[0] ?? '';
}
