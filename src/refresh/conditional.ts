/**
 * Conditional requests (RFC 9110, 13): of readers, answered from a stored response, and our own to the
 * origin, which validate one.
 */
import { Fields, listOf } from './fields.ts';
import { parseHttpDate } from './http-date.ts';

/** The fields by which a reader states a condition. */
export const CONDITIONS: ReadonlySet<string> = new Set([
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
]);

const LETTER_I = 105;
const LETTER_R = 114;

/** Whether a request asks for the whole response, whatever the reader has. Made for every hit. */
export function isUnconditional({ raw }: Fields): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    const letter = raw[i]!.charCodeAt(0) | 32; // in lower case
    if (letter !== LETTER_I && letter !== LETTER_R) continue;
    const name = raw[i]!.toLowerCase();
    if (name === 'range' || CONDITIONS.has(name)) return false;
  }
  return true;
}

/** Whether a request states a condition. */
export function isConditional(request: Fields): boolean {
  for (const name of CONDITIONS) if (request.has(name)) return true;
  return false;
}

/** Fields of a 304 that say nothing of the stored body, or that belong to the stored one. */
const NOT_UPDATED: ReadonlySet<string> = new Set([
  'age',
  'content-encoding',
  'content-length',
  'content-range',
]);

/** The only fields of a 304 (RFC 9110, 15.4.5), besides those that this cache adds. */
const IN_NOT_MODIFIED: ReadonlySet<string> = new Set([
  'cache-control',
  'cdn-cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'last-modified',
  'vary',
]);

/**
 * Whether a reader already has the stored response, so that a 304 answers.
 *
 * @param storedMs - when the response arrived, for one without `Last-Modified`
 */
export function readerHasIt(request: Fields, stored: Fields, storedMs: number): boolean {
  const tags = request.get('if-none-match');
  if (tags !== undefined) return tagMatches(tags, stored.get('etag'));
  const since = parseHttpDate(request.get('if-modified-since') ?? '', storedMs);
  if (since === undefined) return false;
  const modified = stored.get('last-modified') ?? stored.get('date') ?? '';
  const modifiedMs = parseHttpDate(modified, storedMs);
  return modifiedMs !== undefined && modifiedMs <= since;
}

/** By weak comparison, which is right for `If-None-Match`. */
function tagMatches(list: string, etag: string | undefined): boolean {
  if (list.trim() === '*') return true;
  if (etag === undefined) return false;
  const opaque = etag.replace(/^W\//, '');
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? listOf(list);
  return tags.some((tag) => tag.replace(/^W\//, '') === opaque) || list.trim() === etag;
}

/** Whether a Range may be cut from the stored response: `If-Range` needs a strong match. */
export function rangeApplies(request: Fields, stored: Fields): boolean {
  const condition = request.get('if-range');
  if (condition === undefined) return true;
  if (condition.startsWith('"')) return condition === stored.get('etag');
  return condition === stored.get('last-modified') && !condition.startsWith('W/');
}

/** @returns the fields of the 304 that answers in place of the stored response */
export function notModifiedFields(stored: Fields): Fields {
  const others = stored.raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  return stored.without(new Set(others.filter((name) => !IN_NOT_MODIFIED.has(name))));
}

/** @returns the fields that ask the origin whether the stored response is still right; maybe none */
export function validators(stored: Fields): readonly string[] {
  const etag = stored.get('etag');
  const modified = stored.get('last-modified');
  return [
    ...(etag === undefined ? [] : ['If-None-Match', etag]),
    ...(modified === undefined ? [] : ['If-Modified-Since', modified]),
  ];
}

/** Whether a 304 is about the stored response: a strong tag that differs says that it is not. */
export function validatesStored(stored: Fields, answer: Fields): boolean {
  const etag = answer.get('etag');
  if (etag === undefined || etag.startsWith('W/')) return true;
  const own = stored.get('etag');
  return own === undefined || own.replace(/^W\//, '') === etag;
}

/** @returns the stored fields, those that the 304 brings put in their place */
export function updatedFields(stored: Fields, answer: Fields): Fields {
  const fresh = answer.endToEnd().without(NOT_UPDATED);
  const names = fresh.raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  names.push('date'); // without one in the 304, the stored one would make the response old at once
  return new Fields([...stored.without(new Set(names)).raw, ...fresh.raw]);
}
