/** The names of samples and families, and the comment lines, that pages of this process have had. */
import { hash, same } from './bytes';
import {
  COMMENT_BYTES,
  COMMENT_TABLE_AT,
  COMMENT_TABLE_SIZE,
  COMMENTS_AT,
  NAME_BYTES,
  NAME_TABLE_AT,
  NAME_TABLE_SIZE,
  NAMES_AT,
} from './memory';

/** Bound on the entries that a search looks at, so that no page can make searches slow. */
const MAX_PROBES: i32 = 16;

let seed: i64 = 0;

/** Sets what nobody can foretell. Call it before all others. */
export function setSeed(high: i32, low: i32): void {
  seed = ((<i64>high) << 32) | <i64>(<u32>low);
}

/** The place of the name among the names, or -1. */
export function findName(at: i32, length: i32): i32 {
  return find(at, length, 0, NAME_TABLE_AT, NAME_TABLE_SIZE, NAMES_AT, NAME_BYTES);
}

/** The place of the line among the comments of a format, which has a number, or -1. */
export function findComment(at: i32, length: i32, format: i32): i32 {
  const size = COMMENT_TABLE_SIZE;
  return find(at, length, format, COMMENT_TABLE_AT, size, COMMENTS_AT, COMMENT_BYTES);
}

/** Makes a name whose entry has its text known. @returns false if there is no room */
export function addName(place: i32): bool {
  return add(place, 0, NAME_TABLE_AT, NAME_TABLE_SIZE, NAMES_AT, NAME_BYTES);
}

/** The same for a comment. */
export function addComment(place: i32, format: i32): bool {
  return add(place, format, COMMENT_TABLE_AT, COMMENT_TABLE_SIZE, COMMENTS_AT, COMMENT_BYTES);
}

/** Forgets all names and comments. */
export function forget(): void {
  memory.fill(NAME_TABLE_AT, 0, NAME_TABLE_SIZE * 4);
  memory.fill(COMMENT_TABLE_AT, 0, COMMENT_TABLE_SIZE * 4);
}

function find(
  at: i32,
  length: i32,
  salt: i32,
  table: i32,
  size: i32,
  entries: i32,
  bytes: i32,
): i32 {
  const wanted = hash(at, length, seed) ^ salt;
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    const place = load<i32>(table + (((wanted + probe) & (size - 1)) << 2)) - 1;
    if (place < 0) return -1;
    const entry = entries + place * bytes;
    if (load<i32>(entry) != wanted || load<i32>(entry + 8) != length) continue;
    if (same(at, load<i32>(entry + 4), length)) return place;
  }
  return -1;
}

function add(place: i32, salt: i32, table: i32, size: i32, entries: i32, bytes: i32): bool {
  const entry = entries + place * bytes;
  const own = hash(load<i32>(entry + 4), load<i32>(entry + 8), seed) ^ salt;
  store<i32>(entry, own);
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    const slot = table + (((own + probe) & (size - 1)) << 2);
    if (load<i32>(slot) != 0) continue;
    store<i32>(slot, place + 1);
    return true;
  }
  return false;
}
