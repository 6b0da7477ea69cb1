/**
 * The fields of a request's body.
 *
 * A field that is missing, null or '' counts as absent. Unknown fields are ignored, as the
 * specification demands.
 */
import { isObject, type Json } from './json.ts';
import { Refusal } from './refusal.ts';

/** In characters: Cloud Controller stores no longer ids, and every database can index them. */
export const MAX_ID_LENGTH = 255;

/** @throws {Refusal} `bad-request` for a value that is no text, too long, or not storable */
export function optionalText(body: Json, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new Refusal('bad-request', `${name} must be a string`);
  if (value.length > MAX_ID_LENGTH) {
    throw new Refusal('bad-request', `${name} must have at most ${MAX_ID_LENGTH} characters`);
  }
  if (!isStorable(value)) throw unstorable();
  return value;
}

/** @returns undefined for a value that `optionalText` would refuse */
export function usableText(body: Json, name: string): string | undefined {
  const value = body[name];
  if (typeof value !== 'string' || value === '' || value.length > MAX_ID_LENGTH) return undefined;
  return isStorable(value) ? value : undefined;
}

/** @throws {Refusal} `bad-request` as `optionalText` does, and if the field is absent */
export function requiredText(body: Json, name: string): string {
  const value = optionalText(body, name);
  if (value === undefined) throw new Refusal('bad-request', `${name} is missing or empty`);
  return value;
}

/** @throws {Refusal} `bad-request` for a value that is not an object */
export function optionalObject(body: Json, name: string): Json | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw new Refusal('bad-request', `${name} must be an object`);
  return value;
}

/** @throws {Refusal} `bad-request` if a name or text in `root` cannot be stored */
export function requireStorable(root: Json): void {
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === 'string' && !isStorable(value)) throw unstorable();
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, inner] of Object.entries(value)) open.push(name, inner);
  }
}

/**
 * Whether every database returns the text unchanged.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7493#section-2.1
 */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function unstorable(): Refusal {
  const description = 'texts must be Unicode without lone surrogates and without U+0000';
  return new Refusal('bad-request', description);
}
