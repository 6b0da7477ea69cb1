/**
 * Text that every database keeps as it is, and finds again.
 *
 * Ids come from outside and may hold any characters in any length. PostgreSQL refuses NUL, UTF-8 has
 * no lone surrogates, MySQL compares without regard to case and trailing blanks and limits the
 * length of what it indexes: so those characters are written as escapes, and a hash is the key.
 */
import { createHash } from 'node:crypto';

/** @returns `text` with NUL, lone surrogates and the backslash written as `\uXXXX` */
export function storedText(text: string): string {
  return text.replace(
    /[\0\\]|\p{Surrogate}/gu, // with `u`, a surrogate that is half of a pair does not match
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The opposite of `storedText`. */
export function originalText(stored: string): string {
  return stored.replace(/\\u([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** @returns SHA-256 in hexadecimal: 64 characters, different for different ids */
export function idHash(id: string): string {
  return createHash('sha256').update(storedText(id)).digest('hex');
}
