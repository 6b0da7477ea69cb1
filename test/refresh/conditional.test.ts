import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseRange } from '../../src/refresh/byte-range.ts';
import {
  notModifiedFields,
  rangeApplies,
  readerHasIt,
  updatedFields,
  validatesStored,
  validators,
} from '../../src/refresh/conditional.ts';
import { Fields } from '../../src/refresh/fields.ts';

const MODIFIED = 'Wed, 01 Jan 2020 00:00:00 GMT';
const EARLIER = 'Tue, 31 Dec 2019 00:00:00 GMT';
const LATER_RFC850 = 'Thursday, 02-Jan-20 00:00:00 GMT';
const NOW_MS = Date.UTC(2026, 0, 1);

describe('readerHasIt', () => {
  const cases: readonly (readonly [
    request: readonly string[],
    stored: readonly string[],
    has: boolean,
  ])[] = [
    [['If-None-Match', '"a"'], ['ETag', '"a"'], true],
    [['If-None-Match', 'W/"a"'], ['ETag', '"a"'], true],
    [['If-None-Match', '"a"'], ['ETag', 'W/"a"'], true],
    [['If-None-Match', '"x", "a", "y"'], ['ETag', '"a"'], true],
    [['If-None-Match', '"a,b"'], ['ETag', '"a,b"'], true],
    [['If-None-Match', '"a,b"'], ['ETag', '"b"'], false],
    [['If-None-Match', '*'], [], true],
    [
      ['If-None-Match', '"b"', 'If-Modified-Since', MODIFIED],
      ['ETag', '"a"', 'Last-Modified', MODIFIED],
      false,
    ],
    [['If-Modified-Since', MODIFIED], ['Last-Modified', MODIFIED], true],
    [['If-Modified-Since', LATER_RFC850], ['Last-Modified', MODIFIED], true],
    [['If-Modified-Since', EARLIER], ['Last-Modified', MODIFIED], false],
    [['If-Modified-Since', 'yesterday'], ['Last-Modified', MODIFIED], false],
    [[], ['ETag', '"a"'], false],
  ];
  for (const [request, stored, has] of cases) {
    it(`${request.join(' ')} before ${stored.join(' ')}: ${has}`, () =>
      assert.equal(readerHasIt(new Fields(request), new Fields(stored), NOW_MS), has));
  }
});

describe('validation of a stored response', () => {
  it('asks by both validators', () => {
    const stored = new Fields(['ETag', '"a"', 'Last-Modified', MODIFIED]);

    assert.deepEqual(validators(stored), ['If-None-Match', '"a"', 'If-Modified-Since', MODIFIED]);
  });

  it('puts the fields of a 304 in place of the stored ones, but for those of the body', () => {
    const stored = new Fields([
      'A',
      '1',
      'B',
      '1',
      'Content-Length',
      '36',
      'Content-Encoding',
      'gzip',
    ]);
    const answer = new Fields(['a', '2', 'Content-Length', '0', 'Connection', 'c', 'C', '3']);

    assert.deepEqual(updatedFields(stored, answer).raw, [
      ...['B', '1', 'Content-Length', '36', 'Content-Encoding', 'gzip', 'a', '2'],
    ]);
  });

  it('does not take a 304 with another strong tag for the stored response', () => {
    const stored = new Fields(['ETag', '"a"']);

    assert.equal(validatesStored(stored, new Fields(['ETag', '"b"'])), false);
    assert.equal(validatesStored(stored, new Fields(['ETag', '"a"'])), true);
    assert.equal(validatesStored(stored, new Fields([])), true);
  });

  it('leaves out of a 304 what describes the body', () => {
    const stored = new Fields(['ETag', '"a"', 'Content-Type', 'text/plain', 'Content-Length', '5']);

    assert.deepEqual(notModifiedFields(stored).raw, ['ETag', '"a"']);
  });

  it('cuts a range only for the response that If-Range names', () => {
    const stored = new Fields(['ETag', '"a"', 'Last-Modified', MODIFIED]);
    const applies = (value: string) => rangeApplies(new Fields(['If-Range', value]), stored);

    assert.deepEqual(['"a"', 'W/"a"', '"b"', MODIFIED, EARLIER].map(applies), [
      ...[true, false, false, true, false],
    ]);
  });
});

describe('parseRange', () => {
  const cases: readonly (readonly [field: string, range: ReturnType<typeof parseRange>])[] = [
    ['bytes=0-1', { from: 0, to: 2 }],
    ['bytes=1-', { from: 1, to: 10 }],
    ['bytes=-1', { from: 9, to: 10 }],
    ['bytes=-99', { from: 0, to: 10 }],
    ['bytes=5-99', { from: 5, to: 10 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=0-1,3-4', undefined],
    ['lines=0-1', undefined],
    ['bytes=a-b', undefined],
  ];
  for (const [field, range] of cases) {
    it(`${field} of 10 bytes`, () => assert.deepEqual(parseRange(field, 10), range));
  }

  it('never reaches beyond the body', () => {
    const field = fc.oneof(
      fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
      fc.nat().map((a) => `bytes=${a}-`),
      fc.nat().map((a) => `bytes=-${a}`),
    );
    fc.assert(
      fc.property(field, fc.nat(), (text, size) => {
        const range = parseRange(text, size);
        if (typeof range !== 'object') return;
        assert.ok(range.from >= 0 && range.from < range.to && range.to <= size);
      }),
    );
  });
});
