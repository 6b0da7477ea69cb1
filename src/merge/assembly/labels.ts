/** The label set of a sample line. */
import { block, equal, labelNameEnd, same } from './bytes';
import { MAX_LABELS, RESERVED_AT, SEEN_AT } from './memory';
import { labelHash } from './series';

const QUOTE: i32 = 34;
const COMMA: i32 = 44;
const BACKSLASH: i32 = 92;
const CLOSE: i32 = 125;
const LINE_FEED: i32 = 10;
/** As in `exposition/bounds.ts`. */
const MAX_NAME_BYTES: i32 = 4_096;
/** `__name__`, and `exported`, as a little-endian integer. */
const NAME_LABEL: i64 = 0x5f5f656d616e5f5f;
const EXPORTED: i64 = 0x646574726f707865;

/** Whether the line scanned last has a label with a reserved name. */
export let clashes: bool = false;
/** The sum of the label's hashes, if they are asked for. */
export let labelSum: i32 = 0;
/** Whether that is not the sum: a label is empty, renamed or has an escape. */
export let isUntold: bool = false;
/** Where to write the next edit. */
export let editsEnd: i32 = 0;
/** Whether a label of the line has no value, or is called `exported_…`. */
let odd: bool = false;

/** Takes back the edits from an address on. */
export function returnEdits(at: i32): void {
  editsEnd = at;
}

/** Notes that so many bytes go. */
export function cut(offset: i32, bytes: i32): void {
  store<i32>(editsEnd, offset);
  store<i32>(editsEnd + 4, bytes);
  editsEnd += 8;
}

/**
 * Scans labels from after `{`.
 *
 * @param strict - whether the page is OpenMetrics
 * @param base - where the page's first byte would be
 * @param hashes - whether to sum up the labels' hashes
 * @returns the address after `}`, or 0 if the labels are not told here
 */
export function labelsEnd(from: i32, strict: bool, base: i32, hashes: bool): i32 {
  clashes = false;
  odd = false;
  labelSum = 0;
  isUntold = false;
  let p = from;
  let seen = SEEN_AT;
  while (load<u8>(p) != CLOSE) {
    const nameTo = labelNameEnd(p);
    const length = nameTo - p;
    if (length == 0 || length > MAX_NAME_BYTES || <u32>load<u8>(p) - 48 < 10) return 0;
    if (load<u16>(nameTo) != 0x223d) return 0; // `="`
    if (!isNew(p, length, seen)) return 0;
    if (isReserved(p, length)) {
      clashes = true;
      store<i32>(editsEnd, p - base);
      store<i32>(editsEnd + 4, 0);
      editsEnd += 8;
    }
    seen += 16;
    const valueTo = stringEnd(nameTo + 2);
    if (valueTo == 0) return 0;
    if (valueTo == nameTo + 3) odd = true;
    if (hashes) labelSum += labelHash(p, length, nameTo + 2, valueTo - nameTo - 3);
    p = valueTo;
    if (load<u8>(p) == COMMA) {
      p += 1;
      if (strict && load<u8>(p) == CLOSE) return 0;
    } else if (load<u8>(p) != CLOSE) return 0;
  }
  if (clashes || odd) isUntold = true;
  return clashes && odd ? 0 : p + 1;
}

/** The address after the quote that ends the string at `at`, or 0. */
function stringEnd(at: i32): i32 {
  let p = at;
  let byte = BACKSLASH;
  while (byte == BACKSLASH) {
    let stops = stopsIn(block(p));
    while (stops == 0) {
      p += 16;
      stops = stopsIn(block(p));
    }
    p += ctz(stops);
    byte = <i32>load<u8>(p);
    if (byte == QUOTE) return p + 1;
    const escaped = <i32>load<u8>(p + 1);
    if (escaped == LINE_FEED || escaped == 0) return 0;
    isUntold = true;
    p += 2;
  }
  return 0; // the line ends
}

function stopsIn(bytes: v128): i32 {
  return equal(bytes, 34) | equal(bytes, 92) | equal(bytes, 10);
}

/** Notes the label, the one that `seen` is for. @returns false if it is not plain, or noted already */
function isNew(at: i32, length: i32, seen: i32): bool {
  if (seen == SEEN_AT + MAX_LABELS * 16) return false;
  const head = headOf(at, length);
  if (head == NAME_LABEL && length == 8) return false;
  if (head == EXPORTED) odd = true;
  for (let other = SEEN_AT; other < seen; other += 16) {
    if (load<i64>(other) != head || load<i32>(other + 8) != length) continue;
    if (length <= 8 || same(load<i32>(other + 12) + 8, at + 8, length - 8)) return false;
  }
  store<i64>(seen, head);
  store<i32>(seen + 8, length);
  store<i32>(seen + 12, at);
  return true;
}

/** The first eight bytes, or as many as there are. */
function headOf(at: i32, length: i32): i64 {
  const head = load<i64>(at);
  return length >= 8 ? head : head & (((<i64>1) << ((<i64>length) << 3)) - 1);
}

function isReserved(at: i32, length: i32): bool {
  const letters = load<i32>(RESERVED_AT + ((length & 63) << 2));
  if (((letters >>> (<i32>load<u8>(at) & 31)) & 1) == 0) return false;
  return isAmongReserved(at, length);
}

function isAmongReserved(at: i32, length: i32): bool {
  const head = headOf(at, length);
  const first = RESERVED_AT + 64 * 4 + 16;
  const end = first + load<i32>(RESERVED_AT + 64 * 4) * 16;
  for (let name = first; name < end; name += 16) {
    if (load<i64>(name) != head || load<i32>(name + 8) != length) continue;
    if (length <= 8 || same(load<i32>(name + 12) + 8, at + 8, length - 8)) return true;
  }
  return false;
}
