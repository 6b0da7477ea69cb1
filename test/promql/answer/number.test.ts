/** Numbers in answers: as JavaScript and Go write the shortest decimal that reads back as the same number. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MAX_NUMBER_BYTES, writeNumber } from '../../../src/promql/answer/number.ts';

const bytes = Buffer.alloc(MAX_NUMBER_BYTES + 2, '#');

function written(value: number): string {
  const end = writeNumber(bytes, 1, value);
  assert.ok(end <= MAX_NUMBER_BYTES + 1, `${value} takes ${end - 1} bytes`);
  return bytes.toString('latin1', 1, end);
}

/** JavaScript's own text, with the exponent and the infinities of Go. */
function plain(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Object.is(value, -0)) return '-0';
  const text = String(value).replace(/e([+-])(\d)$/, 'e$10$2');
  return text.replace(/^Infinity$/, '+Inf').replace(/^-Infinity$/, '-Inf');
}

/** Every number, each pattern of bits alike. */
const anyBits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
});

/** Numbers as queries give them, most of them between a millionth and 10^21. */
const usual = fc.oneof(
  fc
    .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: -9, max: 23 }))
    .map(([part, power]) => part * 10 ** power),
  fc
    .tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 20 }))
    .map(([whole, decimals]) => whole / 10 ** decimals),
  fc
    .tuple(fc.integer(), fc.integer({ min: 1, max: 10_000 }))
    .map(([count, seconds]) => count / seconds),
  fc.maxSafeInteger(),
  fc.double(),
);

/** Neighbours of powers of two and of ten, where digits change their number and ways change. */
const edges = fc
  .tuple(
    fc.oneof(
      fc.integer({ min: -1074, max: 1023 }).map((power) => 2 ** power),
      fc.integer({ min: -25, max: 25 }).map((power) => Number(`1e${power}`)),
    ),
    fc.integer({ min: -3, max: 3 }),
    fc.boolean(),
  )
  .map(([value, distance, isNegative]) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    view.setBigInt64(0, view.getBigInt64(0) + BigInt(distance));
    return isNegative ? -view.getFloat64(0) : view.getFloat64(0);
  });

describe('a number in an answer', () => {
  const examples: readonly (readonly [value: number, text: string])[] = [
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-17, '-17'],
    [0.1, '0.1'],
    [-0.5, '-0.5'],
    [1 / 3, '0.3333333333333333'],
    [2 / 3, '0.6666666666666666'],
    [1e-6, '0.000001'],
    [9.5e-7, '9.5e-07'],
    [1e-7, '1e-07'],
    [1e-12, '1e-12'],
    [123_456_789_012, '123456789012'],
    [2 ** 53, '9007199254740992'],
    [1e20, '100000000000000000000'],
    [1e21, '1e+21'],
    [-1.5e300, '-1.5e+300'],
    [5e-324, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    [Number.NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
  ];
  for (const [value, text] of examples) {
    it(`${value} is written ${text}`, () => {
      assert.equal(written(value), text);
    });
  }

  for (const [what, values] of Object.entries({ anyBits, usual, edges })) {
    it(`is the shortest decimal that reads back: ${what}`, () => {
      fc.assert(
        fc.property(values, (value) => {
          const text = written(value);

          assert.equal(text, plain(value));
          if (Number.isFinite(value)) assert.ok(Object.is(Number(text), value), text);
        }),
        { numRuns: 20_000 },
      );
    });
  }

  it('no byte beyond the most that a number takes is touched', () => {
    fc.assert(
      fc.property(fc.oneof(usual, anyBits, edges), (value) => {
        bytes.fill('#');

        writeNumber(bytes, 1, value);

        assert.equal(bytes[0], bytes[MAX_NUMBER_BYTES + 1]);
      }),
      { numRuns: 5_000 },
    );
  });
});
