/** Every message of the lexer, the parser and the checker, with its place, as Prometheus 3.14 has it. */
import assert from 'node:assert/strict';
import { rangeQueryFault } from '../../src/promql/check.ts';
import { parse, parseMetricSelector, type Switches } from '../../src/promql/parse.ts';
import { ParseError } from '../../src/promql/parse-error.ts';
import { ALL_ON } from './switches.ts';

type Row = readonly [query: string, message: string];

const LEXER: readonly Row[] = [
  ['foo $ bar', "1:5: unexpected character: '$'"],
  ['foo =~ "x"', "1:5: unexpected character after '=': '~'"],
  ['foo ! bar', "1:5: unexpected character after '!': ' '"],
  ['foo !', "1:5: unexpected character after '!': '�'"],
  ['(foo', '1:5: unclosed left parenthesis'],
  ['foo[5m', '1:7: unclosed left bracket'],
  ['foo)', "1:5: unexpected right parenthesis ')'"],
  ['foo[5m[', "1:7: unexpected left bracket '['"],
  ['foo]', "1:4: unexpected right bracket ']'"],
  ['foo[5m:1m:]', "1:10: unexpected colon ':'"],
  ['foo[5m:bar]', "1:8: unexpected character: 'b', expected ':'"],
  ['foo[5m bar]', "1:8: unexpected character: 'b', expected ':'"],
  ['foo[', '1:5: unexpected end of input in duration expression'],
  ['foo[:', '1:6: unexpected colon before duration in duration expression'],
  [
    'foo[5m] + foo[+:',
    '1:16: unexpected ":" in subquery or range selector, expected number, duration, step(), or range()',
  ],
  [
    'foo[5m:1m] + foo[:step():',
    '1:18: unexpected ":" in subquery or range selector, expected number, duration, step(), or range()',
  ],
  ['foo[5m] + foo[step()::', '1:23: unexpected repeated colon in duration expression'],
  ['foo[bar]', "1:5: unexpected character in duration expression: 'b'"],
  ['{a="b"', '1:7: unexpected end of input inside braces'],
  ['{a="b"{', "1:7: unexpected left brace '{'"],
  ['{a!"b"}', "1:3: unexpected character after '!' inside braces: '\"'"],
  ['{a="b"*}', "1:7: unexpected character inside braces: '*'"],
  ['"abc', '1:1: unterminated quoted string'],
  ["'abc", '1:1: unterminated quoted string'],
  ['`abc', '1:1: unterminated raw string'],
  ['"\\', '1:1: escape sequence not terminated'],
  ['"\\q"', "1:1: unknown escape sequence U+0071 'q'"],
  ['"\\xz"', "1:1: illegal character U+007A 'z' in escape sequence"],
  ['"\\400"', '1:1: escape sequence is an invalid Unicode code point'],
  ['"\\ud800"', '1:1: escape sequence is an invalid Unicode code point'],
  ['1_', '1:1: bad number or duration syntax: "1_"'],
  ['1__0', '1:1: bad number or duration syntax: "1__"'],
  ['5mx', '1:1: bad number or duration syntax: "5mx"'],
  ['1.2.3', '1:1: bad number or duration syntax: "1.2."'],
  ['0x1.5', '1:1: bad number or duration syntax: "0x1."'],
  ['1e', '1:1: bad number or duration syntax: "1e"'],
  ['"a�b"', '1:1: invalid UTF-8 rune'],
  ['foo\n  + é $', "2:5: unexpected character: 'é'"],
  ['"é" + $', "1:8: unexpected character: '$'"],
];

const UNEXPECTED: readonly Row[] = [
  ['foo +', '1:6: unexpected end of input'],
  ['foo bar', '1:5: unexpected identifier "bar"'],
  ['foo a:b', '1:5: unexpected metric identifier "a:b"'],
  ['foo "x"', '1:5: unexpected string "\\"x\\""'],
  ['foo 1', '1:5: unexpected number "1"'],
  ['foo 5m', '1:5: unexpected duration "5m"'],
  ['foo 12345678901', '1:5: unexpected number "1234567890"...'],
  ['foo "1234567890"', '1:5: unexpected string "\\"123456789"...'],
  ['foo by', '1:5: unexpected <by>'],
  ['foo * *', '1:7: unexpected <op:*>'],
  ['foo{} @ @', '1:9: unexpected <op:@> in @, expected timestamp'],
  ['sum(foo bar)', '1:9: unexpected identifier "bar" in aggregation'],
  ['foo == =', '1:8: unexpected "="'],
  ['foo sum', '1:5: unexpected <aggr:sum>'],
  ['foo + (,', '1:8: unexpected ","'],
  ['foo start', '1:5: unexpected "start"'],
  ['foo "éééééééééé"', '1:5: unexpected string "\\"ééééééééé"...'],
  ['sum by (a) foo', '1:12: unexpected identifier "foo" in aggregation'],
  ['sum by foo', '1:8: unexpected identifier "foo" in grouping opts, expected "("'],
  ['sum by (a b) (foo)', '1:11: unexpected identifier "b" in grouping opts, expected "," or ")"'],
  ['sum by (+) (foo)', '1:9: unexpected <op:+> in grouping opts, expected label'],
  ['sum by (a, ,) (foo)', '1:12: unexpected "," in grouping opts, expected label'],
  ['foo + on bar', '1:10: unexpected identifier "bar" in grouping opts, expected "("'],
  [
    'foo offset',
    '1:11: unexpected end of input in offset, expected number, duration, step(), or range()',
  ],
  [
    'foo offset bar',
    '1:12: unexpected identifier "bar" in offset, expected number, duration, step(), or range()',
  ],
  ['foo @', '1:6: unexpected end of input in @, expected timestamp'],
  ['foo @ bar', '1:7: unexpected identifier "bar" in @, expected timestamp'],
  ['foo @ start', '1:12: unexpected end of input in @, expected timestamp'],
  [
    'foo[]',
    '1:5: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()',
  ],
  ['foo[5m 3m]', '1:8: unexpected duration "3m" in subquery or range, expected ":" or "]"'],
  ['foo[5m:)]', "1:9: unexpected right parenthesis ')'"],
  ['foo[5m:5m 3m]', '1:11: unexpected duration "3m" in subquery selector, expected "]"'],
  ['foo[5m:5m)]', "1:11: unexpected right parenthesis ')'"],
  [
    'foo[5m:,]',
    '1:8: unexpected "," in subquery selector, expected number, duration, step(), range(), or "]"',
  ],
  ['{a="b" c="d"}', '1:8: unexpected identifier "c" in label matching, expected "," or "}"'],
  ['{a=b}', '1:4: unexpected identifier "b" in label matching, expected string'],
  ['{a b}', '1:4: unexpected identifier "b" in label matching, expected label matching operator'],
  ['{,}', '1:2: unexpected "," in label matching, expected identifier or "}"'],
  ['{a="b",,}', '1:8: unexpected "," in label matching, expected identifier or "}"'],
  ['{a}', '1:3: unexpected "}" in label matching, expected label matching operator'],
  ['foo +\n\n  bar baz', '3:7: unexpected identifier "baz"'],
];

const PARSER: readonly Row[] = [
  ['', 'unknown position: no expression found in input'],
  ['# a comment', '1:1: no expression found in input'],
  ['unknown(foo)', '1:1: unknown function with name "unknown"'],
  ['rate(foo[5m],)', '1:13: trailing commas not allowed in function call args'],
  ['sum()', '1:1: no arguments for aggregate expression provided'],
  [
    'sum(foo, bar)',
    '1:1: wrong number of arguments for aggregate expression provided, expected 1, got 2',
  ],
  [
    'topk(foo)',
    '1:1: wrong number of arguments for aggregate expression provided, expected 2, got 1',
  ],
  ['sum by ("") (foo)', '1:9: invalid label name for grouping: ""'],
  ['sum by ("\\xff") (foo)', '1:9: invalid label name for grouping: "\\xff"'],
  ['1[5m]', '1:2: ranges only allowed for vector selectors'],
  ['foo offset 1h [5m]', '1:15: no offset modifiers allowed before range'],
  ['foo @ 1 [5m]', '1:9: no @ modifiers allowed before range'],
  ['foo[0]', '1:5: duration must be greater than 0'],
  ['foo[-5m]', '1:5: duration must be greater than 0'],
  ['foo[300y]', '1:5: duration out of range'],
  ['foo[1e20]', '1:5: duration out of range'],
  ['foo offset -1e20', '1:12: duration out of range'],
  ['foo[5m / 0]', '1:8: division by zero'],
  ['foo[5m % 0]', '1:8: modulo by zero'],
  [
    '1 offset 5m',
    '1:1: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
  ],
  ['foo offset 5m offset 1m', '1:1: offset may not be set multiple times'],
  [
    '1 @ 5',
    '1:1: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery',
  ],
  ['foo @ 1 @ 2', '1:1: @ <timestamp> may not be set multiple times'],
  ['foo @ inf', '1:1: timestamp out of bounds for @ modifier: +Inf'],
  ['foo @ -1e19', '1:1: timestamp out of bounds for @ modifier: -10000000000000000000.000000'],
  ['foo anchored smoothed', '1:1: anchored and smoothed modifiers cannot be used together'],
  ['foo[5m:1m] anchored', '1:1: anchored modifier is not supported for subqueries'],
  ['foo[5m:1m] smoothed', '1:1: smoothed modifier is not supported for subqueries'],
  ['rate(foo[5m]) anchored', '1:1: anchored modifier not implemented'],
  ['(foo) smoothed', '1:1: smoothed modifier not implemented'],
  ['1e999', '1:1: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range'],
  [
    '0xfffffffffffffffffff',
    '1:1: error parsing number: strconv.ParseFloat: parsing "0xfffffffffffffffffff": invalid syntax',
  ],
  ['{a=~"("}', '1:2: error parsing regexp: missing closing ): `(`'],
  ['{a=~"[a"}', '1:2: error parsing regexp: missing closing ]: `[a`'],
  ['{a=~")"}', '1:2: error parsing regexp: unexpected ): `)`'],
  ['{a=~"*"}', '1:2: error parsing regexp: missing argument to repetition operator: `*`'],
  ['{a=~"a**"}', '1:2: error parsing regexp: invalid nested repetition operator: `**`'],
  ['{a=~"a{2000}"}', '1:2: error parsing regexp: invalid repeat count: `{2000}`'],
  ['{a=~"\\\\q"}', '1:2: error parsing regexp: invalid escape sequence: `\\q`'],
  ['{a=~"[b-a]"}', '1:2: error parsing regexp: invalid character class range: `b-a`'],
  ['{a=~"(?P<n"}', '1:2: error parsing regexp: invalid named capture: `(?P<n`'],
  ['{a=~"(?z)"}', '1:2: error parsing regexp: invalid or unsupported Perl syntax: `(?z`'],
  ['{a=~"\\xff"}', '1:2: error parsing regexp: invalid UTF-8: `�`'],
  ['{a=~"a\\\\"}', '1:2: error parsing regexp: trailing backslash at end of expression: ``'],
  ['{a!~"("}', '1:2: error parsing regexp: missing closing ): `(`'],
  ['foo[5y1hs]', '1:5: unknown unit "hs" in duration "5y1hs"'],
  ['foo[1m1h]', '1:5: not a valid duration string: "1m1h"'],
  ['1.5m', '1:1: unknown unit "." in duration "1.5m"'],
  ['foo offset NaN', '1:12: duration out of range'],
];

const CHECKER: readonly Row[] = [
  ['sum("x")', '1:5: expected type instant vector in aggregation expression, got string'],
  ['sum(foo[5m])', '1:5: expected type instant vector in aggregation expression, got range vector'],
  ['topk("x", foo)', '1:6: expected type scalar in aggregation parameter, got string'],
  ['count_values(1, foo)', '1:14: expected type string in aggregation parameter, got scalar'],
  ['rate(foo)', '1:6: expected type range vector in call to function "rate", got instant vector'],
  ['abs(1)', '1:5: expected type instant vector in call to function "abs", got scalar'],
  ['rate(foo[5m], 1)', '1:1: expected 1 argument(s) in call to "rate", got 2'],
  ['time(1)', '1:1: expected 0 argument(s) in call to "time", got 1'],
  ['label_join(foo)', '1:1: expected at least 3 argument(s) in call to "label_join", got 1'],
  ['hour(foo, bar)', '1:1: expected at most 1 argument(s) in call to "hour", got 2'],
  [
    'histogram_quantiles(foo, "a", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)',
    '1:1: expected at most 12 argument(s) in call to "histogram_quantiles", got 13',
  ],
  ['info(foo, bar)', '1:11: expected label selectors only, got vector selector instead'],
  ['info(foo, (bar))', '1:11: expected label selectors only'],
  ['info(foo, 1)', '1:1: expected type instant vector in call to function "info", got scalar'],
  ['info(foo, sum(bar))', '1:11: expected label selectors only'],
  ['foo + bool bar', '1:5: bool modifier can only be used on comparison operators'],
  ['1 == 1', '1:3: comparisons between scalars must use BOOL modifier'],
  ['foo + on(a) group_left(a) bar', '1:5: label "a" must not occur in ON and GROUP clause at once'],
  ['"x" + 1', '1:1: binary expression must contain only scalar and instant vector types'],
  ['1 + "x"', '1:5: binary expression must contain only scalar and instant vector types'],
  ['foo[5m] + 1', '1:1: binary expression must contain only scalar and instant vector types'],
  ['foo + on(a) 1', '1:1: vector matching only allowed between instant vectors'],
  ['foo + fill(0) 1', '1:1: filling in missing series only allowed between instant vectors'],
  ['foo and fill(0) bar', '1:1: filling in missing series not allowed for set operators'],
  ['foo and on(a) group_left bar', '1:1: no grouping allowed for "and" operation'],
  ['foo and 1', '1:1: set operator "and" not allowed in binary scalar expression'],
  ['1 or 1', '1:1: set operator "or" not allowed in binary scalar expression'],
  [
    '-"x"',
    '1:1: unary expression only allowed on expressions of type scalar or instant vector, got "string"',
  ],
  [
    '-foo[5m]',
    '1:1: unary expression only allowed on expressions of type scalar or instant vector, got "range vector"',
  ],
  ['1[5m:1m]', '1:1: subquery is only allowed on instant vector, got scalar instead'],
  ['"x"[5m:1m]', '1:1: subquery is only allowed on instant vector, got string instead'],
  ['foo[5m][5m:1m]', '1:1: subquery is only allowed on instant vector, got matrix instead'],
  ['foo{__name__="bar"}', '1:1: metric name must not be set twice: "foo" or "bar"'],
  ['{}', '1:1: vector selector must contain at least one non-empty matcher'],
  ['{a=""}', '1:1: vector selector must contain at least one non-empty matcher'],
  ['{a=~".*"}', '1:1: vector selector must contain at least one non-empty matcher'],
  ['{a!="x"}', '1:1: vector selector must contain at least one non-empty matcher'],
  ['foo{__name__="a"} + foo{__name__="b"}', '1:1: metric name must not be set twice: "foo" or "a"'],
];

const SWITCHED_OFF: readonly Row[] = [
  ['max_of(1, 2)', '1:1: function "max_of" is not enabled'],
  ['sort_by_label(foo, "a")', '1:1: function "sort_by_label" is not enabled'],
  [
    'limitk(1, foo)',
    '1:1: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions',
  ],
  [
    'limit_ratio(0.5, foo)',
    '1:1: limit_ratio() is experimental and must be enabled with --enable-feature=promql-experimental-functions',
  ],
  ['foo + fill(0) bar', '1:1: binop fill modifiers are experimental and not enabled'],
  ['foo[5m + 1m]', '1:5: experimental duration expression is not enabled'],
  ['foo[(5m)]', '1:6: experimental duration expression is not enabled'],
  ['foo offset (5m)', '1:13: experimental duration expression is not enabled'],
  ['foo offset -step()', '1:12: experimental duration expression is not enabled'],
  ['foo[step()]', '1:5: experimental duration expression is not enabled'],
  ['foo[max_of(5m, 1m)]', '1:12: experimental duration expression is not enabled'],
  ['foo anchored', '1:1: anchored modifier is experimental and not enabled'],
  ['rate(foo[5m] smoothed)', '1:6: smoothed modifier is experimental and not enabled'],
];

/** The message, and the texts of the faults after the first. */
function faultsOf(query: string, switches: Partial<Switches>): readonly string[] {
  try {
    parse(query, switches);
  } catch (error) {
    assert.ok(error instanceof ParseError, String(error));
    return [error.message, ...error.faults.slice(1).map(({ text }) => text)];
  }
  return [];
}

function itSays(rows: readonly Row[], switches: Partial<Switches>): void {
  for (const [query, message] of rows) {
    it(`${JSON.stringify(query)}: ${message}`, () => {
      const colon = message.indexOf(': ');

      const [first] = faultsOf(query, switches);

      assert.equal(first, `${message.slice(0, colon)}: parse error${message.slice(colon)}`);
    });
  }
}

describe('the messages of PromQL', () => {
  describe('the lexer', () => {
    itSays(LEXER, ALL_ON);
  });

  describe('a token that no rule expects', () => {
    itSays(UNEXPECTED, ALL_ON);
  });

  describe('the parser', () => {
    itSays(PARSER, ALL_ON);
  });

  describe('the checker', () => {
    itSays(CHECKER, ALL_ON);
  });

  describe('what is switched off', () => {
    itSays(SWITCHED_OFF, {});
  });

  it('tell all faults of the types, the first one in the message', () => {
    const faults = faultsOf('rate(foo) + "x" + unknown', ALL_ON);

    assert.deepEqual(faults, [
      '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
      'binary expression must contain only scalar and instant vector types',
    ]);
  });

  it('tell faults of the syntax and none of the types', () => {
    const faults = faultsOf('unknown(rate(foo)) offset 5m offset 1m', ALL_ON);

    assert.deepEqual(faults, [
      '1:1: parse error: unknown function with name "unknown"',
      'offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
      'offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    ]);
  });

  it('of a query over a range refuse strings and range vectors', () => {
    assert.equal(
      rangeQueryFault(parse('foo[5m]')),
      'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    );
    assert.equal(
      rangeQueryFault(parse('"x"')),
      'invalid expression type "string" for range query, must be Scalar or instant Vector',
    );
    assert.equal(rangeQueryFault(parse('foo')), undefined);
    assert.equal(rangeQueryFault(parse('1')), undefined);
  });

  it('of a selector refuse what no selector has', () => {
    assert.throws(() => parseMetricSelector('foo[5m]'), {
      message: '1:4: parse error: unexpected "["',
    });
    assert.throws(() => parseMetricSelector(''), {
      message: 'unknown position: parse error: unexpected end of input',
    });
    assert.deepEqual(parseMetricSelector('foo{a!="b"}'), [
      { name: 'a', op: '!=', value: 'b' },
      { name: '__name__', op: '=', value: 'foo' },
    ]);
  });
});
