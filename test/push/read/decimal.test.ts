import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DecimalReader, parseDecimal } from '../../../src/push/read/decimal.ts';

const decimals = new DecimalReader();

describe('DecimalReader', () => {
  it('rounds as Number does', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 18 });
    const exponent = fc.constantFrom('', '', '', 'e5', 'E-7', 'e+22', 'e-300');
    fc.assert(
      fc.property(
        fc.constantFrom('', '-', '+'),
        digits,
        digits,
        exponent,
        (sign, whole, part, exp) => {
          const texts = [
            `${sign}${whole}7${exp}`,
            `${sign}${whole}3.${part}${exp}`,
            `${sign}.5${part}${exp}`,
          ];
          for (const text of texts) {
            const value = decimals.read(Buffer.from(`${text}\n`), 0);
            assert.ok(Object.is(value, Number(text)), text);
            assert.equal(decimals.end, text.length);
          }
        },
      ),
    );
  });

  it('reads back each double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (number) => {
        const text = Object.is(number, -0) ? '-0' : String(number).replace('Infinity', 'Inf');
        assert.ok(Object.is(parseDecimal(text), number), text);
      }),
    );
  });

  it('reads words of any case', () => {
    const read = ['+Inf', '-iNFINITY', 'NaN', '-0'].map(parseDecimal);

    assert.deepEqual(read, [Infinity, -Infinity, NaN, -0]);
  });

  it('refuses what Prometheus refuses', () => {
    const read = ['', '0x10', '1_000', '1e999', '.', '-', '1e', '+nan', '1 ', ' 1', '1x'].map(
      parseDecimal,
    );

    assert.deepEqual(new Set(read), new Set([undefined]));
  });
});
