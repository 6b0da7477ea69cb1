/**
 * The headers that say where an answer came from: `X-Cache`, `Age` and `Cache-Status`.
 *
 * @see RFC 9111, section 5.1 (Age)
 * @see RFC 9211 (Cache-Status)
 */
import type { Kept } from '../refresh/warm-cache.ts';

export type CacheMarks = Readonly<Record<string, string>>;

export function cacheMarks({
  from,
  ageMs,
  freshMs,
}: Pick<Kept<unknown>, 'from' | 'ageMs' | 'freshMs'>): CacheMarks {
  const ttl = `ttl=${Math.floor(freshMs / 1000)}`;
  const age = { Age: String(Math.floor(ageMs / 1000)) };
  switch (from) {
    case 'hit':
      return { 'X-Cache': 'HIT', ...age, 'Cache-Status': `promgate; hit; ${ttl}` };
    case 'stale':
      return { 'X-Cache': 'STALE', ...age, 'Cache-Status': `promgate; hit; ${ttl}` };
    case 'shared':
    case 'late':
      return { 'X-Cache': 'MISS', 'Cache-Status': 'promgate; fwd=miss; collapsed' };
    case 'miss':
      return { 'X-Cache': 'MISS', 'Cache-Status': 'promgate; fwd=miss' };
  }
}
