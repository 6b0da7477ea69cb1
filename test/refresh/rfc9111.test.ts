import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseCacheControl } from '../../src/refresh/cache-control.ts';
import { Fields } from '../../src/refresh/fields.ts';
import {
  ageMs,
  type Exchange,
  mayStandIn,
  type Rules,
  reuseOf,
  type Storable,
  storable,
  ttlMs,
} from '../../src/refresh/rfc9111.ts';

const NOW_MS = Date.UTC(2026, 5, 1, 12);
const DATE = `Date: ${new Date(NOW_MS).toUTCString()}`;

/** Fields as they stand in a message: one `Name: value` per line. */
function fieldsOf(...lines: readonly string[]): Fields {
  return new Fields(
    lines.flatMap((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}

function dateIn(seconds: number): string {
  return new Date(NOW_MS + seconds * 1000).toUTCString();
}

interface Case {
  readonly status?: number;
  readonly method?: string;
  readonly request?: readonly string[];
  readonly response: readonly string[];
}

function exchangeOf({ status = 200, method = 'GET', request = [], response }: Case): Exchange {
  return {
    ...{ method, status, requestMs: NOW_MS, responseMs: NOW_MS },
    request: fieldsOf(...request),
    response: fieldsOf(...response),
  };
}

function verdict(one: Case, rules?: Rules): string {
  const found = storable(exchangeOf(one), rules);
  return typeof found === 'string' ? found : 'stored';
}

function stored(one: Case, rules?: Rules): Storable {
  const found = storable(exchangeOf(one), rules);
  if (typeof found === 'string') throw new Error(`not stored: ${found}`);
  return found;
}

describe('what may be stored', () => {
  const cases: readonly (readonly [what: string, one: Case, verdict: string])[] = [
    ['a response with max-age', { response: ['Cache-Control: max-age=1'] }, 'stored'],
    ['one with a validator alone', { response: ['ETag: "a"'] }, 'stored'],
    ['one that says nothing', { response: [] }, 'no-use'],
    ['one that is stale when it comes', { response: ['Cache-Control: max-age=0'] }, 'no-use'],
    ['no-store', { response: ['Cache-Control: max-age=1, No-StOrE'] }, 'no-store'],
    ['private', { response: ['Cache-Control: max-age=1, private'] }, 'private'],
    ['private for one field', { response: ['Cache-Control: max-age=1, private="a"'] }, 'stored'],
    [
      'a request with no-store',
      { request: ['Cache-Control: no-store'], response: ['Cache-Control: max-age=1'] },
      'request-no-store',
    ],
    ['Vary: *', { response: ['Cache-Control: max-age=1', 'Vary: a, *'] }, 'vary'],
    ['POST', { method: 'POST', response: ['Cache-Control: max-age=1'] }, 'method'],
    ['206', { status: 206, response: ['Cache-Control: max-age=1'] }, 'status'],
    [
      'an unknown status with max-age',
      { status: 499, response: ['Cache-Control: max-age=1'] },
      'stored',
    ],
    [
      'must-understand of an unknown status',
      { status: 599, response: ['Cache-Control: max-age=1, no-store, must-understand'] },
      'status',
    ],
    [
      'must-understand of a known status',
      { response: ['Cache-Control: max-age=1, no-store, must-understand'] },
      'stored',
    ],
    [
      'an answer to a credential',
      { request: ['Authorization: a'], response: ['Cache-Control: max-age=1'] },
      'authorization',
    ],
    [
      'a public answer to a credential',
      { request: ['Authorization: a'], response: ['Cache-Control: max-age=1, public'] },
      'stored',
    ],
    [
      'a cookie that is set, without a word on caching',
      { response: [`Last-Modified: ${dateIn(-1000)}`, 'Set-Cookie: a=b'] },
      'set-cookie',
    ],
    [
      'a cookie that is set, with max-age',
      { response: ['Cache-Control: max-age=1', 'Set-Cookie: a=b'] },
      'stored',
    ],
    [
      'CDN-Cache-Control over Cache-Control',
      { response: ['Cache-Control: no-store', 'CDN-Cache-Control: max-age=1'] },
      'stored',
    ],
    [
      'no-store of CDN-Cache-Control',
      { response: ['Cache-Control: max-age=1', 'CDN-Cache-Control: no-store'] },
      'no-store',
    ],
  ];
  for (const [what, one, expected] of cases) {
    it(`${what}: ${expected}`, () => assert.equal(verdict(one), expected));
  }

  it('tells readers by cookie apart unless the response says that it may be stored', () => {
    const request = ['Cookie: a=b'];
    const guessed = stored({ request, response: [`Last-Modified: ${dateIn(-1000)}`] });
    const explicit = stored({ request, response: ['Cache-Control: max-age=1'] });

    assert.ok(guessed.selectors.some(([name, value]) => name === 'cookie' && value === 'a=b'));
    assert.deepEqual(explicit.selectors, []);
  });

  it('keeps neither the fields of the connection, nor Age, nor those that no-cache lists', () => {
    const { fields } = stored({
      response: [
        'Connection: x-hop',
        'X-Hop: 1',
        'Keep-Alive: timeout=5',
        'Age: 1',
        'Secret: 1',
        'Kept: 1',
        'Cache-Control: max-age=9, no-cache="secret"',
      ],
    });

    assert.deepEqual(
      fields.raw.filter((_, i) => i % 2 === 0),
      ['Kept', 'Cache-Control', 'Date'],
    );
  });
});

describe('how long a response is fresh', () => {
  const cases: readonly (readonly [response: readonly string[], seconds: number, rules?: Rules])[] =
    [
      [['Cache-Control: max-age=5'], 5],
      [['Cache-Control: max-age=5, s-maxage=9'], 9],
      [['Cache-Control: max-age=5', `Expires: ${dateIn(-9)}`], 5],
      [[`Expires: ${dateIn(7)}`, DATE, 'ETag: "a"'], 7],
      [[`Expires: ${dateIn(7)}`, 'Date: foo', 'ETag: "a"'], 7],
      [['Expires: 0', DATE, 'ETag: "a"'], 0],
      [[`Expires: ${dateIn(7)}`, `Expires: ${dateIn(8)}`, DATE, 'ETag: "a"'], 0],
      [[`Last-Modified: ${dateIn(-1000)}`, DATE], 100],
      [[`Last-Modified: ${dateIn(-1e9)}`, DATE], 86_400],
      [['CDN-Cache-Control: max-age=3', 'Cache-Control: max-age=9'], 3],
      [['CDN-Cache-Control: max-age=3', `Expires: ${dateIn(-9)}`], 3],
      [['CDN-Cache-Control: max-age="3"', 'Cache-Control: max-age=9'], 9],
      [[DATE], 60, { cacheAllMs: 60_000 }],
      [['Cache-Control: max-age=5'], 5, { cacheAllMs: 60_000 }],
    ];
  for (const [response, seconds, rules] of cases) {
    it(`${response.join(' | ')}${rules ? ' (cache all)' : ''}: ${seconds} s`, () =>
      assert.equal(stored({ response }, rules).freshness.lifetimeMs, seconds * 1000));
  }

  it('keeps an error that says nothing only shortly, and no error of the origin', () => {
    const rules = { cacheAllMs: 60_000 };

    assert.equal(stored({ status: 404, response: [] }, rules).freshness.lifetimeMs, 3_000);
    assert.equal(verdict({ status: 500, response: [] }, rules), 'no-use');
  });

  const ages: readonly (readonly [response: readonly string[], seconds: number])[] = [
    [['Age: 30'], 30],
    [['Age: 7200, 0'], 7200],
    [['Age: 0, 7200'], 0],
    [['Age: 0', 'Age: 7200'], 0],
    [['Age: abc'], 0],
    [['Age: -7200'], 0],
    [['Age: 7200.0'], 0],
    [['Age: 2147483649'], 2 ** 31],
    [[`Date: ${dateIn(-10)}`], 10],
    [[`Date: ${dateIn(-10)}`, 'Age: 4'], 10],
    [[`Date: ${dateIn(10)}`], 0],
  ];
  for (const [response, seconds] of ages) {
    it(`${response.join(' | ')}: ${seconds} s old when it comes`, () => {
      const { freshness } = stored({ response: [...response, 'ETag: "a"'] });
      assert.equal(ageMs(freshness, NOW_MS), seconds * 1000);
    });
  }

  it('adds the time that the origin took', () => {
    const exchange = exchangeOf({ response: ['Age: 3', 'ETag: "a"', DATE] });
    const found = storable({ ...exchange, requestMs: NOW_MS - 2_000 });

    assert.ok(typeof found !== 'string');
    assert.equal(ageMs(found.freshness, NOW_MS), 5_000);
  });
});

describe('what a stored response may be used for', () => {
  const cases: readonly (readonly [control: string, afterS: number, asked: string, use: string])[] =
    [
      ['max-age=10', 5, '', 'fresh'],
      ['max-age=10', 10, '', 'validate'],
      ['max-age=10, no-cache', 0, '', 'validate'],
      ['max-age=10', 5, 'no-cache', 'validate'],
      ['max-age=10', 5, 'max-age=4', 'validate'],
      ['max-age=10', 0, 'max-age=0', 'validate'],
      ['max-age=10', 5, 'max-age=6', 'fresh'],
      ['max-age=10', 5, 'min-fresh=6', 'validate'],
      ['max-age=10', 15, 'max-stale', 'fresh'],
      ['max-age=10', 15, 'max-stale=5', 'fresh'],
      ['max-age=10', 16, 'max-stale=5', 'validate'],
      ['max-age=10, must-revalidate', 11, 'max-stale', 'validate'],
      ['max-age=10, stale-while-revalidate=5', 14, '', 'revalidate'],
      ['max-age=10, stale-while-revalidate=5', 15, '', 'validate'],
      ['max-age=10, stale-while-revalidate=5, proxy-revalidate', 11, '', 'validate'],
      ['s-maxage=10, stale-while-revalidate=5', 11, '', 'validate'],
    ];
  for (const [control, afterS, asked, use] of cases) {
    it(`${control}, after ${afterS} s, asked with "${asked}": ${use}`, () => {
      const { freshness } = stored({ response: [`Cache-Control: ${control}`, 'ETag: "a"'] });
      assert.equal(reuseOf(freshness, NOW_MS + afterS * 1000, parseCacheControl(asked)), use);
    });
  }

  const standIns: readonly (readonly [
    control: string,
    staleS: number,
    trouble: 'no-answer' | 'error-status',
    may: boolean,
  ])[] = [
    ['max-age=0', 59, 'no-answer', true],
    ['max-age=0', 60, 'no-answer', false],
    ['max-age=0', 1, 'error-status', false],
    ['max-age=0, stale-if-error=100', 99, 'error-status', true],
    ['max-age=0, stale-if-error=100', 99, 'no-answer', true],
    ['max-age=0, stale-if-error=0', 1, 'no-answer', false],
    ['max-age=0, must-revalidate', 1, 'no-answer', false],
    ['max-age=0, proxy-revalidate', 1, 'no-answer', false],
    ['max-age=0, s-maxage=0', 1, 'no-answer', false],
    ['max-age=0, no-cache', 1, 'no-answer', false],
  ];
  for (const [control, staleS, trouble, may] of standIns) {
    it(`${control}, ${staleS} s stale, ${trouble}: ${may ? 'stands in' : 'does not'}`, () => {
      const { freshness } = stored({ response: [`Cache-Control: ${control}`, 'ETag: "a"'] });
      assert.equal(mayStandIn(freshness, NOW_MS + staleS * 1000, trouble), may);
    });
  }

  it('is never fresh and past its lifetime at once, and never fresh again', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(100), fc.nat(200), fc.nat(200), (maxAge, age, at, later) => {
        const response = [`Cache-Control: max-age=${maxAge}`, `Age: ${age}`, 'ETag: "a"'];
        const { freshness } = stored({ response });
        const first = NOW_MS + at * 1000;
        const isFresh = reuseOf(freshness, first) === 'fresh';
        assert.equal(isFresh, ttlMs(freshness, first) > 0);
        if (!isFresh) assert.notEqual(reuseOf(freshness, first + later * 1000), 'fresh');
      }),
    );
  });
});
