import assert from 'node:assert/strict';
import fc from 'fast-check';
import { scrapeTimeoutMs } from '../../src/fetch/deadline.ts';

const options = { timeoutMs: 30_000, maxTimeoutMs: 60_000 };

describe('scrapeTimeoutMs', () => {
  const cases: readonly [why: string, header: string | undefined, ms: number][] = [
    ['without a header, the default timeout', undefined, 30_000],
    ['10 s less half a second', '10', 9500],
    ['a fraction', '9.5', 9000],
    ['as Go prints it', '30.000000', 28_500],
    ['20 s less 5 %, from where that is more', '20', 19_000],
    ['40 s less 5 %', '40', 38_000],
    ['at most max_timeout', '3600', 60_000],
    ['blanks around', ' 10 ', 9500],
    ['an exponent', '1e1', 9500],
    ['what is left of hardly more than half a second', '0.7', 200],
    ['never nothing', '0.5', 100],
    ['never more than was given', '0.05', 50],
    ['zero counts as absent', '0', 30_000],
    ['a negative one counts as absent', '-1', 30_000],
    ['NaN counts as absent', 'NaN', 30_000],
    ['Inf counts as absent', '+Inf', 30_000],
    ['Infinity counts as absent', 'Infinity', 30_000],
    ['words count as absent', 'soon', 30_000],
    ['a unit counts as absent', '10s', 30_000],
    ['hexadecimal counts as absent', '0x10', 30_000],
    ['two values count as absent', '10, 20', 30_000],
    ['an empty one counts as absent', '', 30_000],
    ['beyond all numbers is max_timeout', '1e999', 60_000],
  ];
  for (const [why, header, ms] of cases) {
    it(why, () => assert.equal(Math.round(scrapeTimeoutMs(header, options)), ms));
  }

  it('keeps the default timeout under max_timeout too', () => {
    assert.equal(scrapeTimeoutMs(undefined, { timeoutMs: 30_000, maxTimeoutMs: 5000 }), 5000);
  });

  it('is above 0 and at most max_timeout, whatever the header', () => {
    const headers = fc.oneof(fc.string(), fc.double().map(String), fc.nat().map(String));
    fc.assert(
      fc.property(headers, (header) => {
        const ms = scrapeTimeoutMs(header, options);
        assert.ok(ms > 0 && ms <= 60_000, String(ms));
      }),
    );
  });
});
