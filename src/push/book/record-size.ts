/**
 * Refuses metrics whose records would be larger than journals keep: the push could never be kept, and
 * whatever is kept together with it would fail, too.
 */

import { MAX_RECORD_BYTES } from '../record.ts';
import { PushRefusal } from '../refusal.ts';
import type { PostedFamily } from './posting.ts';

/** A character as JSON takes up to six bytes: `\u0001`. */
const CHARACTER_BYTES = 6;
/** A bound as JSON, and its bucket: `-1.2345678901234567e-100,`. */
const BOUND_BYTES = 26;
/** Base64 takes four bytes for three. */
const NATIVE_BYTES = 4 / 3;
/** Brackets, numbers and the source, whose name a header has. */
const OTHER_BYTES = 128 * 1024;

/**
 * @param group - the text of the grouping key
 * @throws {PushRefusal} `too_large`
 */
export function checkRecords(family: PostedFamily, group: string | undefined): void {
  const { name, help, unit, entries } = family;
  checkSize(name, CHARACTER_BYTES * (name.length + help.length + unit.length));
  const common = CHARACTER_BYTES * (name.length + (group?.length ?? 0));
  for (const { labels, bounds, native } of entries) {
    const nativeBytes = NATIVE_BYTES * (native?.length ?? 0);
    const own = CHARACTER_BYTES * labels.length + BOUND_BYTES * bounds.length + nativeBytes;
    checkSize(name, common + own);
  }
}

function checkSize(family: string, bytes: number): void {
  const limit = MAX_RECORD_BYTES - OTHER_BYTES;
  if (bytes <= limit) return;
  throw new PushRefusal(
    'too_large',
    `metric ${family} has too long texts, or too many buckets, in one of its series`,
    { details: { limit, current: Math.ceil(bytes), family } },
  );
}
