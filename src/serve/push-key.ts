/**
 * What makes two pushes equal but for their bodies, and which of these may go the short way.
 */
import type { IncomingMessage } from 'node:http';
import { MODE_HEADERS } from './push-headers.ts';

/** Pushes with longer headers, or longer bodies, are not worth their memory. */
const MAX_KEY_LENGTH = 4_096;
const MAX_BODY_BYTES = 262_144;

/**
 * All headers that `push.ts` and the check of a credential read, but for the key, which each push has
 * anew. Behind a router each request has headers of its own beside these.
 */
const DECISIVE: ReadonlySet<string> = new Set(['authorization', 'content-type', ...MODE_HEADERS]);

/** Whether the body is short, and the client does not wait before it sends the body. */
export function isShort({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return length !== undefined && Number(length) <= MAX_BODY_BYTES && headers.expect === undefined;
}

/**
 * Undefined for requests that are never known again. A header that is sent twice is there twice. No
 * field can hold a NUL.
 */
export function keyOf({ method, url, rawHeaders }: IncomingMessage): string | undefined {
  if (method !== 'POST' && method !== 'PUT') return undefined;
  let key = `${method} ${url}`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const lower = rawHeaders[i]!.toLowerCase();
    if (DECISIVE.has(lower)) key += `\0${lower}\0${rawHeaders[i + 1]}`;
  }
  return key.length > MAX_KEY_LENGTH ? undefined : key;
}
