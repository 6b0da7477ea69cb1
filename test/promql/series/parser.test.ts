/** The notation of series: what a line stands for, and every message with its place, as Prometheus 3.14 has it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EMPTY_HISTOGRAM } from '../../../src/promql/evaluate/histogram.ts';
import { ParseError } from '../../../src/promql/parse-error.ts';
import { parseSeries } from '../../../src/promql/series/parser.ts';

const KEY = 'histogram description, expected histogram description key, e.g. buckets:[5 10 7]';

const VALUES: readonly (readonly [line: string, values: readonly unknown[]])[] = [
  ['foo', []],
  ['foo 1', [1]],
  ['foo  1   -2 +3 ', [1, -2, 3]],
  ['foo _ 1 _x2', [undefined, 1, undefined, undefined]],
  ['foo 1x2', [1, 1, 1]],
  ['foo 1+2x3', [1, 3, 5, 7]],
  ['foo 1-2x2 9', [1, -1, -3, 9]],
  ['foo -1-2x1', [-1, -3]],
  ['foo 0x1', [0, 0]],
  ['foo .5 1e3 1_000', [0.5, 1000, 1000]],
  ['foo inf -Inf NaN', [Infinity, -Infinity, Number.NaN]],
  ['foo 1m 1h30m', [60, 5400]],
  ['foo stale stale', ['stale', 'stale']],
  ['foo {{}}', [EMPTY_HISTOGRAM]],
];

const FAULTS: readonly (readonly [line: string, message: string])[] = [
  ['foo $', "1:5: unexpected character in series sequence: '$'"],
  ['foo 1 .', "1:7: unexpected character in series sequence: '.'"],
  ['foo 1_', '1:5: bad number syntax: "1_"'],
  ['foo 1e', '1:5: bad number syntax: "1e"'],
  ['foo 1y1q', '1:5: bad number syntax: "1"'],
  ['foo {{schema:0 $}}', "1:16: histogram description incomplete unexpected: '$'"],
  ['foo {{', "1:7: histogram description incomplete unexpected: '�'"],
  ['foo {{schema 0}}', '1:7: missing `:` for histogram descriptor'],
  ['foo {{bad:0}}', '1:7: bad histogram descriptor found: "bad"'],
  ['foo {{buckets:[1 $]}}', "1:18: invalid character in buckets description: '$'"],
  ['foo {{buckets:[1 2}}', "1:19: invalid character in buckets description: '}'"],
  ['foo{a="b"}1', '1:11: unexpected number "1" in series values'],
  ['foo 1"x"', "1:6: unexpected character in series sequence: '\"'"],
  ['foo bar', '1:5: unexpected identifier "bar" in series values, expected number or "stale"'],
  ['foo infx3', '1:5: unexpected identifier "infx3" in series values, expected number or "stale"'],
  ['foo sum', '1:5: unexpected <aggr:sum> in series values'],
  ['foo -1+-2x1', '1:8: unexpected <op:-> in series values'],
  ['foo 1+x2', '1:7: unexpected "x" in series values'],
  ['foo 1+2', '1:8: unexpected end of input in series values'],
  ['foo 1+2 3', '1:8: unexpected " " in series values'],
  ['foo 1x', '1:7: unexpected end of input in series values'],
  ['foo 1_x2', '1:5: bad number syntax: "1_"'],
  ['foo _1', '1:6: unexpected number "1" in series values'],
  [
    'foo 1x1.5',
    '1:7: invalid repetition in series values: strconv.ParseUint: parsing "1.5": invalid syntax',
  ],
  [
    'foo _x99999999999999999999',
    '1:7: invalid repetition in series values: strconv.ParseUint: parsing "99999999999999999999": value out of range',
  ],
  [
    'foo 1e999',
    '1:5: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range',
  ],
  ['foo 1 1x1000000', '1:9: series has more than 1000000 values'],
  ['foo _x1000000', '1:7: series has more than 1000000 values'],
  ['foo{a}', '1:6: unexpected "}" in label set, expected "="'],
  ['foo{a=}', '1:7: unexpected "}" in label set, expected string'],
  ['foo{a="b" c="d"}', '1:11: unexpected identifier "c" in label set, expected "," or "}"'],
  ['foo{,}', '1:5: unexpected "," in label set, expected identifier or "}"'],
  ['foo{a="b"', '1:10: unexpected end of input inside braces'],
  ['foo{a="b', '1:7: unterminated quoted string'],
  ['1 2', '1:1: unexpected number "1" in series values'],
  ['foo {{schema:}}', '1:14: unexpected "}}" in series values'],
  ['foo {{schema:0 sum:}}', `1:20: unexpected "}}" in ${KEY}`],
  ['foo {{schema:0 5}}', `1:16: unexpected number "5" in ${KEY}`],
  ['foo {{sum:1}}{{}}', '1:14: unexpected "{{" in series values'],
  ['foo {{sum:1}}+2x3', '1:15: unexpected number "2" in series values'],
  ['foo {{sum:1 sum:2}}', '1:1: duplicate key "sum" in histogram'],
  [
    'foo {{schema:1.5}}',
    '1:14: invalid repetition in series values: strconv.ParseUint: parsing "1.5": invalid syntax',
  ],
  [
    'foo {{schema:1}}+{{schema:0}}x2',
    '1:31: error combining histograms: cannot merge from schema 0 to 1',
  ],
];

describe('a line of series', () => {
  for (const [line, values] of VALUES) {
    it(`${line} has the values ${JSON.stringify(values)}`, () => {
      assert.deepEqual(parseSeries(line).values, values);
    });
  }

  it('has the labels of its braces', () => {
    assert.deepEqual(parseSeries('foo{a="b", "c d"=\'e\',} 1').labels, [
      ['__name__', 'foo'],
      ['a', 'b'],
      ['c d', 'e'],
    ]);
    assert.deepEqual(parseSeries('{"a metric", by="x"} 1').labels, [
      ['__name__', 'a metric'],
      ['by', 'x'],
    ]);
    assert.deepEqual(parseSeries('{} 1').labels, []);
    assert.deepEqual(parseSeries('sum:total 1').labels, [['__name__', 'sum:total']]);
  });

  it('has native histograms by their keys', () => {
    const { values } = parseSeries(
      'foo {{schema:1 sum:-5 count:9 z_bucket:2 z_bucket_w:0.5 offset:1 buckets:[3 0 4] n_buckets:[1] n_offset:-2 counter_reset_hint:gauge}}' +
        ' {{schema:-53 count:2 sum:3 custom_values:[1 2.5] buckets:[1 1]}}',
    );

    assert.deepEqual(values, [
      {
        ...EMPTY_HISTOGRAM,
        ...{ schema: 1, sum: -5, count: 9, zeroCount: 2, zeroThreshold: 0.5, hint: 'gauge' },
        positive: { indices: [1, 3], counts: [3, 4] },
        negative: { indices: [-2], counts: [1] },
      },
      {
        ...EMPTY_HISTOGRAM,
        ...{ schema: -53, count: 2, sum: 3, customValues: [1, 2.5] },
        positive: { indices: [0, 1], counts: [1, 1] },
      },
    ]);
  });

  it('has sums of histograms step by step', () => {
    const { values } = parseSeries('foo {{count:2 buckets:[2]}}+{{count:1 buckets:[1]}}x2');

    assert.deepEqual(
      values.map((value) => (typeof value === 'object' ? value.count : value)),
      [2, 3, 4],
    );
  });

  for (const [line, message] of FAULTS) {
    it(`${line}: ${message}`, () => {
      const colon = message.indexOf(': ');
      const full = `${message.slice(0, colon)}: parse error${message.slice(colon)}`;

      assert.throws(() => parseSeries(line), { name: 'ParseError', message: full });
    });
  }

  it('throws nothing but parse errors, whatever the text is', () => {
    const piece = fc.constantFrom(
      ...['foo', '{', '}', '{{', '}}', 'a', '=', '"b"', ',', ' ', '1', 'x', '_', '+', '-', 'sum:'],
      ...['schema:', 'buckets:[', ']', '2', '.', 'stale', 'inf', '\n', 'é', 'counter_reset_hint:'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        faultsOf(`foo ${pieces.join('')}`);
        faultsOf(pieces.join(''));
      }),
      { numRuns: 3000 },
    );
  });
});

function faultsOf(line: string): ParseError['faults'] {
  try {
    parseSeries(line);
  } catch (error) {
    if (error instanceof ParseError) return error.faults;
    throw error;
  }
  return [];
}
