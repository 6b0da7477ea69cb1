import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseHttpDate } from '../../src/refresh/http-date.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const MOMENT_MS = Date.UTC(1994, 10, 6, 8, 49, 37);

const VALID: readonly (readonly [text: string, ms: number])[] = [
  ['Sun, 06 Nov 1994 08:49:37 GMT', MOMENT_MS],
  ['SUN, 06 NOV 1994 08:49:37 gmt', MOMENT_MS],
  ['Sunday, 06-Nov-94 08:49:37 GMT', MOMENT_MS],
  ['Sun Nov  6 08:49:37 1994', MOMENT_MS],
  ['Thursday, 18-Aug-50 02:01:18 GMT', Date.UTC(2050, 7, 18, 2, 1, 18)],
  ['Sun, 21 Nov 2286 04:46:39 GMT', Date.UTC(2286, 10, 21, 4, 46, 39)],
];

const INVALID = [
  '',
  '0',
  'Thu, 18 Aug 2050 02:01:18 UTC',
  'Thu, 18 Aug 2050 02:01:18 AEST',
  'Thu, 18 Aug 50 02:01:18 GMT',
  'Thu 18 Aug 2050 02:01:18 GMT',
  'Thu, 18  Aug  2050 02:01:18 GMT',
  'Thu, 18-Aug-2050 02:01:18 GMT',
  'Thu, 18 Aug 2050 02.01.18 GMT',
  'Thu, 18 Aug 2050 2:01:18 GMT',
  'Thu, 31 Feb 2050 02:01:18 GMT',
  'Thu, 18 Aug 2050 24:01:18 GMT',
  'Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:19 GMT',
];

describe('parseHttpDate', () => {
  for (const [text, ms] of VALID) {
    it(`reads ${text}`, () => assert.equal(parseHttpDate(text, NOW_MS), ms));
  }

  for (const text of INVALID) {
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.equal(parseHttpDate(text, NOW_MS), undefined));
  }

  it('reads every date that Node prints', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date(MAX_MS), noInvalidDate: true }),
        (date) => {
          const ms = Math.floor(date.getTime() / 1000) * 1000;
          assert.equal(parseHttpDate(date.toUTCString(), NOW_MS), ms);
        },
      ),
    );
  });
});

const MAX_MS = Date.UTC(9999, 0, 1);
