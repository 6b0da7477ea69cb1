import assert from 'node:assert/strict';
import fc from 'fast-check';
import { skipTimestamp, skipValue } from '../../src/exposition/number.ts';

/** A value as Go's `strconv.ParseFloat` takes it, without hexadecimals and underscores. */
const GO_FLOAT = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf(?:inity)?|nan)$/i;

function isWhole(skip: (bytes: Buffer, at: number) => number, text: string): boolean {
  const bytes = Buffer.from(`${text}\n\n\n\n\n\n\n\n`);
  return text !== '' && skip(bytes, 0) === Buffer.byteLength(text);
}

describe('skipValue', () => {
  it('takes what Go takes, and overflow apart nothing else', () => {
    const piece = fc.constantFrom(
      ...[
        '0',
        '1',
        '9',
        '.',
        'e',
        'E',
        '+',
        '-',
        'inf',
        'Inf',
        'INFINITY',
        'nan',
        'NaN',
        '0x',
        '_',
        'p',
        ' ',
      ],
      ...['308', '309', '400', '-400'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join('');
        const overflows = /\d/.test(text) && !Number.isFinite(Number(text));

        assert.equal(isWhole(skipValue, text), GO_FLOAT.test(text) && !overflows, text);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes every number that JavaScript prints', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        assert.ok(isWhole(skipValue, String(value)));
      }),
    );
  });

  it('refuses an overflow without an exponent', () => {
    assert.ok(isWhole(skipValue, '1'.padEnd(309, '0')));
    assert.ok(!isWhole(skipValue, '1'.padEnd(310, '0')));
  });
});

describe('skipTimestamp', () => {
  const cases: readonly [text: string, taken: boolean][] = [
    ['0', true],
    ['1700000000000', true],
    ['9223372036854775807', true],
    ['9223372036854775808', false],
    ['00000000000000000000000000000000000000000001', true],
    ['99999999999999999999999999', false],
    ['-1', false],
    ['+1', false],
    ['1.5', false],
    ['', false],
  ];
  for (const [text, taken] of cases) {
    it(`${taken ? 'takes' : 'refuses'} "${text}"`, () => {
      assert.equal(isWhole(skipTimestamp, text), taken);
    });
  }
});
