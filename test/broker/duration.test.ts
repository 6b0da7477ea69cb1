import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseDurationMs, printDuration } from '../../broker/duration.ts';

describe('durations', () => {
  const read: readonly [string, number][] = [
    ['0s', 0],
    ['500ms', 500],
    ['15s', 15_000],
    ['1.5s', 1_500],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
    ['1m500ms', 60_500],
    ['0.001s', 1],
    ['1h2m3.5s4ms', 3_723_504],
  ];
  for (const [text, ms] of read) {
    it(`reads ${text}`, () => assert.equal(parseDurationMs(text), ms));
  }

  for (const text of [
    '',
    '15',
    '15 s',
    's',
    '-1s',
    '1s1m',
    '1m1m',
    '1.s',
    '1e3s',
    '15sec',
    '15S',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseDurationMs(text), undefined));
  }

  it('are read back as printed', () => {
    fc.assert(
      fc.property(fc.nat(), (ms) => {
        assert.equal(parseDurationMs(printDuration(ms)), ms);
      }),
    );
  });
});
