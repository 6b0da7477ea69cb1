/**
 * The key of a request: two requests with the same key differ only in headers that name the reader's
 * program, its address or its trace.
 */
import type { IncomingMessage } from 'node:http';
import { isHarmless } from '../fetch/forward.ts';

/** Undefined for requests that must be read each time. No field can hold a NUL. */
export function requestKey({
  method,
  url,
  headers,
  rawHeaders,
}: IncomingMessage): string | undefined {
  if (method !== 'GET' || headers['transfer-encoding'] || headers['content-length']) {
    return undefined;
  }
  let key = url ?? '';
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const lower = rawHeaders[i]!.toLowerCase();
    if (!isHarmless(lower)) key += `\0${lower}\0${rawHeaders[i + 1]}`;
  }
  return key;
}
