/**
 * The rules of HTTP caching: mutants of header fields, to a cache in memory. No field may throw, stall
 * the process, or make a response live outside its own bounds; and what the cache stores, it must find.
 */
import { parseRange } from '../../src/refresh/byte-range.ts';
import { parseCacheControl } from '../../src/refresh/cache-control.ts';
import { notModifiedFields, rangeApplies, readerHasIt } from '../../src/refresh/conditional.ts';
import { Fields } from '../../src/refresh/fields.ts';
import { HttpStore } from '../../src/refresh/http-store.ts';
import { ageMs, reuseOf, type Storable, storable, ttlMs } from '../../src/refresh/rfc9111.ts';
import type { Chance } from './chance.ts';
import type { Finding, Fuzzer, Outcome } from './fuzzer.ts';

const CASES = 20_000;
const NOW_MS = Date.UTC(2026, 0, 2);
/** No set of fields may take longer; a busy machine takes ten times what an idle one does. */
const MAX_MS = 100;
const YEARS_MS = 2 ** 31 * 1000 + 1_000;

const REQUESTS = [
  'Cache-Control: max-age=5, min-fresh=2\nIf-None-Match: "a", W/"b"\nAccept-Encoding: gzip;q=1.0, br',
  'Range: bytes=0-5\nIf-Range: "a"\nAccept-Language: en;q=0.8, de',
  'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\nCookie: a=b\nPragma: no-cache',
  'Cache-Control: max-stale="1", only-if-cached, foo="a,b\\"c"\nAuthorization: x',
].map((text) => Buffer.from(text));
const RESPONSES = [
  'Cache-Control: public, max-age=60, stale-while-revalidate=5\nETag: "a"\nVary: Accept-Encoding\nAge: 3',
  'CDN-Cache-Control: max-age=5;x=(1 "b"), must-revalidate=?1\nDate: Fri, 02 Jan 2026 00:00:00 GMT',
  'Expires: Friday, 02-Jan-26 01:00:00 GMT\nLast-Modified: Thu Jan  1 00:00:00 2026\nVary: Foo, *',
  'Cache-Control: no-cache="Set-Cookie", private=x, s-maxage=9\nSet-Cookie: a=b\nContent-Language: en',
].map((text) => Buffer.from(text));
const WORDS = [
  ...['no-store', 'private', 'max-age=', '99999999999999999999', '=""', ',,,,', 'Vary: ', 'Age: '],
  ...[
    '\nCache-Control: ',
    'W/"',
    '1e3',
    '-1',
    '0.5',
    'GMT',
    'bytes=',
    '-',
    '\t',
    '                ',
  ],
  ...['Connection: ETag', 'must-understand', 'Expires: 0', '\nDate: ', '(((((', '?0'],
];

export function cacheRuleFuzzer(): Fuzzer {
  return {
    async round(chance, scale) {
      const findings: Finding[] = [];
      const outcomes: Outcome[] = [];
      const count = Math.ceil(CASES * scale);
      for (let i = 0; i < count; i++) {
        const request = chance.mutate(chance.pick(REQUESTS), WORDS);
        const response = chance.mutate(chance.pick(RESPONSES), WORDS);
        const input = Buffer.concat([request, Buffer.from('\n\n'), response]);
        const beganMs = performance.now();
        const { word, faults } = tryRules(fieldsOf(request), fieldsOf(response), chance);
        if (performance.now() - beganMs > MAX_MS) faults.push(`took longer than ${MAX_MS} ms`);
        outcomes.push({ word, input });
        for (const what of faults) findings.push({ what, input });
      }
      return { inputs: count, findings, outcomes };
    },
  };
}

/** As Node and undici hand fields over: names that are tokens, values trimmed and without controls. */
function fieldsOf(bytes: Buffer): Fields {
  const raw: string[] = [];
  for (const line of bytes.toString('latin1').split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) continue;
    const value = line.slice(colon + 1).replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');
    raw.push(name, value.trim());
  }
  return new Fields(raw);
}

function tryRules(request: Fields, response: Fields, chance: Chance) {
  const faults: string[] = [];
  try {
    const status = chance.pick([200, 200, 200, 404, 206, 304, 500]);
    const exchange = {
      ...{ method: 'GET', request, status, response },
      ...{ requestMs: NOW_MS, responseMs: NOW_MS + 10 },
    };
    const rules = { cacheAllMs: chance.pick([undefined, 60_000]) };
    const verdict = storable(exchange, rules);
    readerHasIt(request, response, NOW_MS);
    rangeApplies(request, response);
    notModifiedFields(response);
    checkRange(request, faults);
    if (typeof verdict === 'string') return { word: verdict, faults };
    checkStored(verdict, request, faults);
    return { word: reuseOf(verdict.freshness, NOW_MS, asked(request)), faults };
  } catch (error) {
    faults.push(`threw ${String(error)}`);
    return { word: 'threw', faults };
  }
}

function asked(request: Fields) {
  return parseCacheControl(request.get('cache-control'));
}

function checkRange(request: Fields, faults: string[]): void {
  const range = parseRange(request.get('range') ?? '', 10);
  if (range === undefined || range === 'unsatisfiable') return;
  const { from, to } = range;
  if (!(from >= 0 && from < to && to <= 10)) faults.push(`the range ${from} to ${to} of 10 bytes`);
}

function checkStored(verdict: Storable, request: Fields, faults: string[]): void {
  const { freshness, selectors, fields } = verdict;
  const spans = [freshness.lifetimeMs, ageMs(freshness, NOW_MS), freshness.staleWhileRevalidateMs];
  if (!spans.every((ms) => ms >= 0 && ms <= YEARS_MS)) faults.push(`spans of ${spans.join(', ')}`);
  if (!Number.isFinite(ttlMs(freshness, NOW_MS))) faults.push('a ttl that is no number');
  if (fields.has('connection') || fields.has('age')) faults.push('stored fields of the connection');
  const store = new HttpStore({ maxBytes: 1_000_000 });
  const key = { target: '/a', scope: '' };
  const body = Buffer.from('page');
  store.put({ key, status: 200, statusMessage: 'OK', fields, body, freshness, selectors });
  if (!store.lookup(key, request)) faults.push('not found by the request that it was stored for');
}
