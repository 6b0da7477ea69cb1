/** Copies lines with labels inserted. */
import { block } from './bytes';
import { RESULT_AT } from './memory';

const BARE: i32 = 0;
const BEFORE: i32 = 1;
const BEHIND: i32 = 3;
const OPEN: i32 = 123;
const CLOSE: i32 = 125;
const COMMA: i32 = 44;

/** What a rename writes before the label's name: `exported_`. */
const PREFIX_BYTES: i32 = 9;
const PREFIX: i64 = 0x646574726f707865;
const UNDERSCORE: i32 = 95;

/**
 * Copies lines up to where labels go, and the labels. Stops at `insertsEnd`, at the first line that
 * is not known up to there, and where the next line has no room.
 *
 * @param start - the address of the page's next byte
 * @param end - no byte of the page is known from here on
 * @param base - where the page's first byte would be
 * @param inserts - an integer for each line: where labels go, times four, plus how
 * @param edits - of the lines, ascending
 * @param labels - each followed by a comma; not empty
 * @param outAt - where to write
 * @param outEnd - fifteen more bytes may be overwritten
 */
export function insert(
  start: i32,
  end: i32,
  base: i32,
  inserts: i32,
  insertsEnd: i32,
  edits: i32,
  editsEnd: i32,
  labels: i32,
  labelsLength: i32,
  outAt: i32,
  outEnd: i32,
): void {
  let out = outAt;
  let from = start;
  let edit = edits;
  let line = inserts;
  while (line < insertsEnd) {
    const labelled = load<i32>(line);
    const to = base + (labelled >>> 2);
    const kind = labelled & 3;
    if (to > end) break;
    const next = edit < editsEnd ? base + load<i32>(edit) : to;
    if (next < to) {
      const behind = editsBefore(to - base, edit, editsEnd);
      const room = to - from + labelsLength + 2 + ((behind - edit) / 8) * PREFIX_BYTES;
      if (out + room > outEnd) break;
      for (; edit < behind; edit += 8) {
        const at = base + load<i32>(edit);
        copy(from, out, at - from);
        out += at - from;
        from = at + load<i32>(edit + 4);
        if (from == at) {
          store<i64>(out, PREFIX);
          store<u8>(out + 8, UNDERSCORE);
          out += PREFIX_BYTES;
        }
      }
    }
    const length = to - from;
    if (out + length + labelsLength + 2 > outEnd) break; // a pair of braces at most
    copy(from, out, length);
    out += length;
    from = to;
    if (kind == BARE) store<u8>(out++, OPEN);
    else if (kind == BEHIND) store<u8>(out++, COMMA);
    copy(labels, out, labelsLength);
    out += labelsLength;
    if (kind != BEFORE) out -= 1; // no label follows
    if (kind == BARE) store<u8>(out++, CLOSE);
    line += 4;
  }
  store<i32>(RESULT_AT, out);
  store<i32>(RESULT_AT + 4, from - base);
  store<i32>(RESULT_AT + 8, line);
  store<i32>(RESULT_AT + 12, edit);
}

/** The address behind the edits before an offset of the page. */
function editsBefore(offset: i32, edits: i32, editsEnd: i32): i32 {
  let edit = edits;
  while (edit < editsEnd && load<i32>(edit) < offset) edit += 8;
  return edit;
}

/** Copies sixteen bytes at a time: the next piece overwrites what is too much. */
function copy(source: i32, target: i32, length: i32): void {
  let done = 0;
  do {
    v128.store(target + done, block(source + done));
    done += 16;
  } while (done < length);
}
