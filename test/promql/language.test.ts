/** The rules of PromQL's grammar: each row is a query and what Prometheus prints for it. */
import assert from 'node:assert/strict';
import { functionNames, signatureOf } from '../../src/promql/functions.ts';
import { parse } from '../../src/promql/parse.ts';
import { print } from '../../src/promql/print.ts';
import type { Expression } from '../../src/promql/tree.ts';
import { ALL_ON } from './switches.ts';

/** Writes every operator's operands in brackets, so that a text shows what binds what. */
function grouped(expr: Expression): string {
  switch (expr.kind) {
    case 'binary':
      return `[${grouped(expr.left)} ${expr.op} ${grouped(expr.right)}]`;
    case 'unary':
      return `${expr.op}[${grouped(expr.expr)}]`;
    case 'parenthesized':
      return grouped(expr.expr);
    default:
      return print(expr);
  }
}

function itPrints(rows: readonly (readonly [query: string, printed: string])[]): void {
  for (const [query, printed] of rows) {
    it(`${JSON.stringify(query)} is ${printed}`, () => {
      assert.equal(print(parse(query, ALL_ON)), printed);
    });
  }
}

describe('operators', () => {
  const rows = [
    ['a or b and c', '[a or [b and c]]'],
    ['a and b unless c', '[[a and b] unless c]'],
    ['a and b == c', '[a and [b == c]]'],
    ['a == b + c', '[a == [b + c]]'],
    ['a + b > c', '[[a + b] > c]'],
    ['a </ b >/ c', '[[a </ b] >/ c]'],
    ['a + b * c', '[a + [b * c]]'],
    ['a - b - c', '[[a - b] - c]'],
    ['a * b / c % d atan2 e', '[[[[a * b] / c] % d] atan2 e]'],
    ['a * b ^ c', '[a * [b ^ c]]'],
    ['a ^ b ^ c', '[a ^ [b ^ c]]'],
    ['-a ^ b', '-[[a ^ b]]'],
    ['-a * b', '[-[a] * b]'],
    ['a ^ -b * c', '[[a ^ -[b]] * c]'],
    ['-1 ^ 2', '-[[1 ^ 2]]'],
    ['(a or b) and c', '[[a or b] and c]'],
    ['a + b offset 5m', '[a + b offset 5m]'],
  ] as const;
  for (const [query, expected] of rows) {
    it(`${query} groups as ${expected}`, () => {
      assert.equal(grouped(parse(query, ALL_ON)), expected);
    });
  }

  it('a sign before a literal is part of it', () => {
    for (const [query, value] of [
      ['-1', -1],
      ['--1', 1],
      ['+1', 1],
      ['-Inf', Number.NEGATIVE_INFINITY],
      ['-5m', -300],
    ] as const) {
      const tree = parse(query);
      assert.ok(tree.kind === 'number');
      assert.equal(tree.value, value, query);
      assert.deepEqual(tree.span, { start: 0, end: query.length });
    }
  });

  itPrints([
    ['a == bool 1', 'a == bool 1'],
    ['a + on() b', 'a + on () b'],
    ['a + ignoring() b', 'a + b'],
    ['a + ON(x, "y z",) GROUP_LEFT b', 'a + on (x, "y z") group_left () b'],
    ['a*ignoring(x)group_right(y,z)b', 'a * ignoring (x) group_right (y, z) b'],
    ['a + fill(0) b', 'a + fill (0) b'],
    ['a + fill_right(1) fill_left(-1e-7) b', 'a + fill_left (-1e-07) fill_right (1) b'],
    ['a + fill_left(1) fill_right(1) b', 'a + fill (1) b'],
    ['a + bool_metric', 'a + bool_metric'],
    ['1 + on() a', '1 + a'],
  ]);
});

describe('literals', () => {
  const numbers: readonly (readonly [string, number])[] = [
    ['1', 1],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1000],
    ['1.5E-2', 0.015],
    ['1_000', 1000],
    ['0x1F', 31],
    ['0X_ff', 255],
    ['010', 8],
    ['08', 8],
    ['Inf', Number.POSITIVE_INFINITY],
    ['nAn', Number.NaN],
    ['1h30m', 5400],
    ['1y2w3d4h5m6s7ms', 33_019_506.007],
    ['0s', 0],
  ];
  for (const [query, value] of numbers) {
    it(`${query} is the number ${value}`, () => {
      const tree = parse(query);
      assert.ok(tree.kind === 'number');
      assert.equal(tree.value, value);
    });
  }

  const strings: readonly (readonly [string, string])[] = [
    ['"a\'b"', "a'b"],
    ["'a\"b'", 'a"b'],
    ['`a\\n"\n`', 'a\\n"\n'],
    ['"\\a\\b\\f\\n\\r\\t\\v\\\\\\""', '\x07\b\f\n\r\t\v\\"'],
    ['"\\101\\x41\\u0041\\U0001F600"', 'AAA\u{1F600}'],
    ['"\\xc3\\xa9"', 'é'],
    ['"a\\xc5z"', 'a\udcc5z'],
    ['"\\xf0\\x9f"', '\udcf0\udc9f'],
    ['"ü\\n"', 'ü\n'],
  ];
  for (const [query, value] of strings) {
    it(`${query} is a string of ${[...value].length} characters`, () => {
      const tree = parse(query);
      assert.ok(tree.kind === 'string');
      assert.equal(tree.value, value);
    });
  }

  itPrints([
    ['1e-7', '0.0000001'],
    ['1e21', '1000000000000000000000'],
    ['-0', '-0'],
    ['90d', '90d'],
    ['7d', '1w'],
    ['365d', '1y'],
    ['61m', '1h1m'],
    ["'a\"b'", '"a\\"b"'],
    ['"\\x00\\u00a0\\U000E0001"', '"\\x00\\u00a0\\U000e0001"'],
    ['"a\\xc5z"', '"a\\xc5z"'],
    ['"☺"', '"☺"'],
  ]);
});

describe('selectors', () => {
  itPrints([
    ['foo{b="2",a!="1",}', 'foo{a!="1",b="2"}'],
    ['foo{}', 'foo'],
    ['{"foo"}', '{__name__="foo"}'],
    ['{"a b", "c d"=~"x.*"}', '{"c d"=~"x.*",__name__="a b"}'],
    ['{__name__="foo"}', '{__name__="foo"}'],
    ['a:b:c', 'a:b:c'],
    [':x', ':x'],
    ['foo{by="1",sum!~"2",offset=`3`}', 'foo{by="1",offset="3",sum!~"2"}'],
    ['foo # a comment\n{a="b", # another\nc="d"}', 'foo{a="b",c="d"}'],
    ['foo @ 1.5', 'foo @ 1.500'],
    ['foo @ -1', 'foo @ -1.000'],
    ['foo @ start()', 'foo @ start()'],
    ['foo offset 5m @ END()', 'foo @ end() offset 5m'],
    ['foo[5m] offset -5m @ 1m', 'foo[5m] @ 60.000 offset -5m'],
    ['foo[300]', 'foo[5m]'],
    ['foo[1.5]', 'foo[1s500ms]'],
    ['foo offset 0s', 'foo'],
    ['foo anchored', 'foo anchored'],
    ['foo smoothed @ 1 offset 5m', 'foo @ 1.000 smoothed offset 5m'],
    ['foo[5m] @ 1 anchored', 'foo[5m] anchored @ 1.000'],
    ['foo[5m:]', 'foo[5m:]'],
    ['sum(foo)[5m:30s] offset 1h @ start()', 'sum(foo)[5m:30s] @ start() offset 1h'],
  ]);

  it('keywords name metrics', () => {
    const words = `and or unless sum topk count_values offset by without smoothed anchored start end
      step range max_of min_of fill fill_left fill_right`.split(/\s+/);
    for (const word of words) assert.equal(print(parse(`${word} + 1`)), `${word} + 1`);
    for (const word of ['bool', 'on', 'ignoring', 'group_left', 'atan2']) {
      assert.throws(() => parse(word), { name: 'ParseError' }, word);
    }
  });

  it('keywords name labels in lists', () => {
    const query = 'sum by (and, bool, by, on, offset, sum, start, atan2, fill, a:b) (foo)';

    const tree = parse(query);

    assert.ok(tree.kind === 'aggregation');
    assert.equal(tree.grouping.length, 10);
    assert.equal(tree.grouping.at(-1), 'a:b');
  });

  it('the matcher of the name before the braces is the last one', () => {
    const tree = parse('foo{a="b"}');

    assert.ok(tree.kind === 'vector-selector');
    assert.deepEqual(tree.matchers, [
      { name: 'a', op: '=', value: 'b' },
      { name: '__name__', op: '=', value: 'foo' },
    ]);
  });
});

describe('duration expressions', () => {
  itPrints([
    ['foo[5m+1m]', 'foo[5m + 1m]'],
    ['foo[(5m)]', 'foo[(5m)]'],
    ['foo[-5m*-(1+2)^2]', 'foo[-5m * -(1 + 2) ^ 2]'],
    ['foo[2*step():range()/2]', 'foo[2 * step():range() / 2]'],
    ['foo[max_of(1m, step()+1)]', 'foo[max_of(1m, step() + 1)]'],
    ['foo offset 2 ^ 2', 'foo offset 2s ^ 2'],
    ['foo offset (2 ^ 2)', 'foo offset (2 ^ 2)'],
    ['foo offset -(5m)', 'foo offset -(5m)'],
    ['foo offset -step()', 'foo offset -step()'],
    ['foo offset min_of(1m, 2m)', 'foo offset min_of(1m, 2m)'],
  ]);

  it('behind offset a term without parentheses ends the duration', () => {
    const tree = parse('foo offset -2 ^ 2', ALL_ON);

    assert.ok(tree.kind === 'binary' && tree.left.kind === 'vector-selector');
    assert.equal(tree.left.offset, -2000);
  });
});

describe('aggregations and functions', () => {
  itPrints([
    ['sum(foo) by (a)', 'sum by (a) (foo)'],
    ['SUM WITHOUT (a, b,) (foo)', 'sum without (a, b) (foo)'],
    ['sum without () (foo)', 'sum without () (foo)'],
    ['sum by () (foo)', 'sum(foo)'],
    ['sum by ("a b", c) (foo)', 'sum by ("a b", c) (foo)'],
    ['topk(3, foo)', 'topk(3, foo)'],
    ['limit_ratio(-0.5, foo)', 'limit_ratio(-0.5, foo)'],
    ['count_values("x", foo)', 'count_values("x", foo)'],
    ['step() + range()', 'step() + range()'],
    ['max_of(1,min_of(2,3))', 'max_of(1, min_of(2, 3))'],
    ['info(foo, {a="b"})', 'info(foo, {a="b"})'],
    ['info(foo, {})', 'info(foo, {})'],
    ['time()', 'time()'],
    ['hour()', 'hour()'],
  ]);

  it('there are 90 functions, 17 of them experimental', () => {
    const experimental = functionNames().filter((name) => signatureOf(name)?.isExperimental);

    assert.equal(functionNames().length, 90);
    assert.equal(experimental.length, 17);
  });
});

describe('trees', () => {
  it('are frozen throughout', () => {
    const query =
      'topk by (a) (1, foo{a="b"} @ 1 + on(a) -rate((x[5m+1m])) + max_over_time(y[1h:1m] offset -step()))';
    const tree: unknown = parse(query, ALL_ON);

    const thawed: unknown[] = [];
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) thawed.push(value);
      for (const child of Object.values(value)) visit(child);
    };
    visit(tree);
    assert.deepEqual(thawed, []);
  });

  it('say where each node stands', () => {
    const tree = parse('rate(foo [5m] offset 1m) + (b)');

    assert.ok(tree.kind === 'binary' && tree.left.kind === 'call');
    assert.deepEqual(tree.span, { start: 0, end: 30 });
    assert.deepEqual(tree.left.span, { start: 0, end: 24 });
    assert.deepEqual(tree.left.args[0]?.span, { start: 5, end: 23 });
    assert.deepEqual(tree.right.span, { start: 27, end: 30 });
  });
});
