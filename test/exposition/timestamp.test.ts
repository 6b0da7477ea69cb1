import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toMilliseconds } from '../../src/exposition/timestamp.ts';

describe('toMilliseconds', () => {
  const cases: readonly [seconds: string, milliseconds: string | undefined][] = [
    ['1520872607.123', '1520872607123'],
    ['1520872607', '1520872607000'],
    ['1520872607.789456', '1520872607789'],
    ['1.520872607123e9', '1520872607123'],
    ['1.5e+3', '1500000'],
    ['15e-1', '1500'],
    ['+2', '2000'],
    ['.5', '500'],
    ['5.', '5000'],
    ['0', '0'],
    ['-0', '0'],
    ['-0.0e5', '0'],
    ['0.0001', '0'],
    ['1e-400', '0'],
    ['000000000000000000000000001.5', '1500'],
    ['9223372036854775.807', '9223372036854775807'],
    ['9223372036854775.808', undefined],
    ['1e300', undefined],
    ['1e99999999999999999999', undefined],
    ['-1', undefined],
    ['-1.5e-3', undefined],
  ];
  for (const [seconds, milliseconds] of cases) {
    it(`tells ${seconds} s as ${milliseconds}`, () => {
      assert.equal(toMilliseconds(seconds), milliseconds);
    });
  }

  it('loses no digit of any whole number of milliseconds', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (milliseconds) => {
        const digits = String(milliseconds).padStart(4, '0');
        const seconds = `${digits.slice(0, -3)}.${digits.slice(-3)}`;

        assert.equal(toMilliseconds(seconds), String(milliseconds));
      }),
    );
  });
});
