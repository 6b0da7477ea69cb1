/**
 * Text in a form that every database stores unchanged, and hashes as keys for ids.
 *
 * Ids come from outside and may hold any characters in any length. PostgreSQL refuses NUL, and
 * UTF-8 has no lone surrogates, so `storedText` escapes both. MySQL may ignore case and trailing
 * blanks in comparisons and limits the length of indexed text, so the tables use a hash as key.
 */
import { createHash } from 'node:crypto';

/** @returns `text` with NUL, lone surrogates and the backslash written as `\uXXXX` */
export function storedText(text: string): string {
  return text.replace(
    /[\0\\]|\p{Surrogate}/gu, // with `u` only a lone surrogate matches
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The inverse of `storedText`. */
export function originalText(stored: string): string {
  return stored.replace(/\\u([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** @returns the SHA-256 of an id as 64 hexadecimal characters */
export function idHash(id: string): string {
  return createHash('sha256').update(storedText(id)).digest('hex');
}
