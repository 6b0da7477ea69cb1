/**
 * The walk of a page beside its layout in plain JavaScript: what the kernel is measured beside.
 *
 * It reads the page and the layout where they lie, while the kernel has both copied into its memory.
 * `test/merge/layout-walk.test.ts` holds that both give the same index.
 */
import { sameBytes } from '../src/exposition/body.ts';
import { skipValue } from '../src/exposition/number.ts';
import { FAMILY, HEAD, INSERT, LENGTH, NO_SAMPLE } from '../src/merge/layout.ts';
import type { LayoutWalk, Place } from '../src/merge/layout-walk.ts';
import type { PageIndexWriter } from '../src/merge/page-index.ts';

const LINE_FEED = 10;
const SPACE = 32;
const ZERO = 48;
const NINE = 57;
/** As many bytes as the kernel walks at once, so that both end their turns alike. */
const WALKED_BYTES = 65_536;
/** Timestamps up to this length are one in both formats. */
const TIMESTAMP_DIGITS = 16;

export class PlainWalk implements LayoutWalk {
  at = 0;

  begin(): void {
    // Nothing is remembered from one walk to the next.
  }

  walk({ layout, line: firstLine, body, from }: Place, writer: PageIndexWriter): number {
    const { integers, recordsAt, view: records, lines } = layout;
    const { bytes, view } = body;
    const end = Math.min(body.length, from + WALKED_BYTES);
    let line = firstLine;
    let p = from;
    for (; line < lines; line++) {
      const recordAt = recordsAt[line]!;
      const head = recordAt >> 2; // four bytes each
      const length = integers[head + LENGTH]!;
      let next = p + length;
      if (next > end || !sameBytes(view, p, records, recordAt + HEAD, length)) break;
      const insert = integers[head + INSERT]!;
      if (insert === NO_SAMPLE) writer.breakAt(p);
      else {
        next = lineEnd(bytes, next);
        if (next < 0 || next > end) break;
        const family = integers[head + FAMILY]!;
        if (family < 0) writer.breakAt(p);
        else writer.line(family, p, insert + p * 4, 0);
      }
      p = next;
    }
    this.at = p;
    return line - firstLine;
  }
}

/** The offset behind the line feed that ends the value at `at`; -1 where the line is a rare one. */
function lineEnd(bytes: Buffer, at: number): number {
  const valueEnd = skipValue(bytes, at);
  if (valueEnd < 0) return -1;
  if (bytes[valueEnd] === LINE_FEED) return valueEnd + 1;
  if (bytes[valueEnd] !== SPACE) return -1;
  const first = valueEnd + 1;
  let p = first;
  while (bytes[p]! >= ZERO && bytes[p]! <= NINE) p += 1;
  if (p === first || p - first > TIMESTAMP_DIGITS) return -1;
  return bytes[p] === LINE_FEED ? p + 1 : -1;
}
