/**
 * Places in a query as messages print them.
 */
import type { Span } from '../tree.ts';
import type { Place } from './annotations.ts';

/** Line and column of the start of a span, both from 1; the column counts bytes. */
export function placeOf(query: string, { start }: Span): Place {
  const before = query.slice(0, start);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = before.split('\n').length;
  return `${line}:${Buffer.byteLength(before.slice(lineStart)) + 1}`;
}

/** Both ends of a span, counted in bytes from the start of the query. */
export function byteSpan(query: string, { start, end }: Span): string {
  const from = Buffer.byteLength(query.slice(0, start));
  return `${from}:${from + Buffer.byteLength(query.slice(start, end))}`;
}
