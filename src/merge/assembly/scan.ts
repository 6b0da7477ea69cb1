/**
 * Scans the lines of a page that are as most lines are, and stops at the first that is not: at a
 * name or comment that is not known, a blank too many, a name in quotes, an exemplar, a fault.
 */
import { block, equal, metricNameEnd, same } from './bytes';
import { findComment, findName } from './known';
import { clashes, cut, editsEnd, isUntold, labelSum, labelsEnd, returnEdits } from './labels';
import {
  COMMENT_BYTES,
  COMMENTED_AT,
  COMMENTS_AT,
  EDITS_AT,
  INSERTS_AT,
  NAME_BYTES,
  NAMES_AT,
  RESULT_AT,
  SERIES_AT,
  WRITTEN_AT,
} from './memory';
import { nameHash } from './series';
import { beginBack, hasExemplar, hasTimestamp, lineEnd, valueTo } from './value';

const HASH: i32 = 35;
const OPEN: i32 = 123;
const CLOSE: i32 = 125;
const SPACE: i32 = 32;
const LINE_FEED: i32 = 10;

/** The ways to insert labels, as in `series.ts`. */
const BARE: i32 = 0;
const BEFORE: i32 = 1;
const ALONE: i32 = 2;

/** Why a scan ended, as `kernel.ts` names it. */
const OTHER: i32 = 0;
const UNKNOWN_NAME: i32 = 1;
const UNKNOWN_COMMENT: i32 = 2;

const NO_TYPE: i32 = 8;

/** What a scan is told, as `kernel.ts` names it. */
const STRICT: i32 = 1;
const RENAMES: i32 = 2;
const BY_NAME: i32 = 4;
const AS_TEXT: i32 = 8;
const SERIES: i32 = 16;

// The run of lines that goes on: its code, first byte, first line.
let code: i32 = -1;
let from: i32 = 0;
let first: i32 = 0;
let lines: i32 = 0;
let spansEnd: i32 = 0;

/**
 * @param start - the address of the page's next line
 * @param end - no byte of the page is known from here on; it is overwritten
 * @param base - where the page's first byte would be
 * @param told - STRICT: the page is OpenMetrics; RENAMES: a line may have a reserved label, and an
 *   edit says where; BY_NAME: runs are of one name rather than of one family; AS_TEXT: families are
 *   those of text, and edits cut exemplars; SERIES: lines' series are told
 * @param page - the number of the page, for what it has declared
 * @param linesBefore - sample lines so far
 */
export function scan(
  start: i32,
  end: i32,
  base: i32,
  told: i32,
  page: i32,
  linesBefore: i32,
): void {
  store<u8>(end, LINE_FEED);
  const strict = (told & STRICT) != 0;
  const asText = (told & AS_TEXT) != 0;
  const hashes = (told & SERIES) != 0;
  returnEdits(EDITS_AT);
  code = -1;
  lines = linesBefore;
  spansEnd = WRITTEN_AT;
  let insertAt = INSERTS_AT;
  let seriesAt = SERIES_AT;
  let commentedAt = COMMENTED_AT;
  let at = start;
  let why = OTHER;
  /** Behind the edits of whole lines. */
  let edits = EDITS_AT;
  // The name of the sample before, its address and length.
  let name = -1;
  let nameAt = 0;
  let nameLength = 0;
  while (at < end) {
    const byte = <i32>load<u8>(at);
    if (byte == HASH) {
      const next = feedBehind(at) + 1;
      if (next > end) break;
      const place = findComment(at, next - at, strict ? 1 : 0);
      if (place < 0) {
        why = UNKNOWN_COMMENT;
        break;
      }
      endRun(at - base);
      store<i32>(commentedAt, place);
      store<i32>(commentedAt + 4, at - base);
      commentedAt += 8;
      declare(load<i32>(COMMENTS_AT + place * COMMENT_BYTES + 12), page);
      at = next;
      continue;
    }
    if (byte == LINE_FEED) {
      if (strict) break;
      endRun(at - base);
      at += 1;
      continue;
    }
    // The name.
    if (name < 0 || !continues(at, nameAt, nameLength)) {
      const nameTo = metricNameEnd(at);
      nameLength = nameTo - at;
      if (nameLength == 0) break;
      name = findName(at, nameLength);
      if (name < 0) {
        why = UNKNOWN_NAME;
        break;
      }
    }
    nameAt = at;
    let p = at + nameLength;
    // The labels.
    let insert = p - base;
    let kind = BARE;
    let series = hashes ? nameHash(at, nameLength) : 0;
    if (load<u8>(p) == OPEN) {
      p += 1;
      insert += 1;
      kind = load<u8>(p) == CLOSE ? ALONE : BEFORE;
      p = labelsEnd(p, strict, base, hashes);
      if (p == 0) break;
      if (clashes && (told & RENAMES) == 0) break;
      series = isUntold ? 0 : series + labelSum;
    }
    if (load<u8>(p) != SPACE) break;
    beginBack();
    const next = lineEnd(p + 1, strict, base);
    if (next == 0 || next > end) break;
    if (hasExemplar && !mayHaveExemplar(name)) break;
    if (asText && hasTimestamp) break;
    const owner = codeOf(name, told, page);
    if (owner < 0) break;
    if (asText && hasExemplar) cut(valueTo - base, next - 1 - valueTo);
    if (owner != code) {
      endRun(at - base);
      code = owner;
      from = at - base;
      first = lines;
    }
    store<i32>(insertAt, (insert << 2) | kind);
    insertAt += 4;
    if (hashes) {
      store<i32>(seriesAt, series);
      store<i32>(seriesAt + 4, p + 1 - base);
      seriesAt += 8;
    }
    lines += 1;
    edits = editsEnd;
    at = next;
  }
  store<i32>(RESULT_AT, at - base);
  store<i32>(RESULT_AT + 4, lines);
  store<i32>(RESULT_AT + 8, spansEnd);
  store<i32>(RESULT_AT + 12, code);
  store<i32>(RESULT_AT + 16, from);
  store<i32>(RESULT_AT + 20, first);
  store<i32>(RESULT_AT + 24, commentedAt);
  store<i32>(RESULT_AT + 28, edits);
  store<i32>(RESULT_AT + 32, why);
}

/** Whether the line begins with the name of the line before. */
function continues(at: i32, nameAt: i32, length: i32): bool {
  if (!same(at, nameAt, length)) return false;
  const byte = <i32>load<u8>(at + length);
  return byte == OPEN || byte == SPACE;
}

/** The address of the next line feed. */
function feedBehind(at: i32): i32 {
  let p = at;
  let feeds = equal(block(p), 10);
  while (feeds == 0) {
    p += 16;
    feeds = equal(block(p), 10);
  }
  return p + ctz(feeds);
}

/** Ends the run that goes on, if there is one, before `offset`. */
function endRun(offset: i32): void {
  if (code < 0) return;
  store<i32>(spansEnd, code);
  store<i32>(spansEnd + 4, from);
  store<i32>(spansEnd + 8, offset);
  store<i32>(spansEnd + 12, first);
  store<i32>(spansEnd + 16, lines);
  spansEnd += 20;
  code = -1;
}

/**
 * Notes what a comment declares.
 *
 * @param says - the place of a name times 16, plus a type, or NO_TYPE; -1 for a comment that says
 *   nothing
 */
function declare(says: i32, page: i32): void {
  if (says < 0) return;
  const entry = NAMES_AT + (says >> 4) * NAME_BYTES;
  store<i32>(entry + 28, page);
  const type = says & 15;
  if (type == NO_TYPE) return;
  store<i32>(entry + 20, page);
  store<i32>(entry + 24, type);
}

/**
 * Whose sample a name is: twice the place of the family's name; or with BY_NAME twice that of the
 * name, plus 1 if another name is the family's. That is so where the page has declared it as of a type
 * that has the suffix. -1 if a comment of the page names the sample's name, too.
 */
function codeOf(name: i32, told: i32, page: i32): i32 {
  const entry = NAMES_AT + name * NAME_BYTES;
  const owner = load<i32>(entry + 12);
  if (owner < 0) return name << 1;
  const family = NAMES_AT + owner * NAME_BYTES;
  if (load<i32>(family + 20) != page) return name << 1;
  const format = (told & (STRICT | AS_TEXT)) == STRICT ? 1 : 0;
  const types = <i32>load<u8>(entry + 16 + format);
  if (((types >>> load<i32>(family + 24)) & 1) == 0) return name << 1;
  if (load<i32>(entry + 28) == page) return -1;
  return (told & BY_NAME) != 0 ? (name << 1) | 1 : owner << 1;
}

/** Whether the name ends in `_total` or `_bucket`. */
function mayHaveExemplar(name: i32): bool {
  return load<u8>(NAMES_AT + name * NAME_BYTES + 18) != 0;
}
