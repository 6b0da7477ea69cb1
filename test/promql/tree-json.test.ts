/** Trees in the shape of Prometheus' `/api/v1/parse_query`. */
import assert from 'node:assert/strict';
import { parse } from '../../src/promql/parse.ts';
import { treeJson } from '../../src/promql/tree-json.ts';
import { ALL_ON } from './switches.ts';

const FOO = {
  name: 'foo',
  matchers: [{ name: '__name__', value: 'foo', type: '=' }],
  offset: 0,
  offsetExpr: null,
  timestamp: null,
  startOrEnd: null,
  anchored: false,
  smoothed: false,
};
const NUMBER = { type: 'numberLiteral', val: '1' };

describe('treeJson', () => {
  const rows: readonly (readonly [query: string, json: object])[] = [
    ['foo', { type: 'vectorSelector', ...FOO }],
    [
      'foo offset 5m @ 1.5 smoothed',
      { type: 'vectorSelector', ...FOO, offset: 300_000, timestamp: 1500, smoothed: true },
    ],
    [
      'foo[5m] @ start()',
      { type: 'matrixSelector', ...FOO, range: 300_000, rangeExpr: null, startOrEnd: 'start' },
    ],
    ['-(1)', { type: 'unaryExpr', op: '-', expr: { type: 'parenExpr', expr: NUMBER } }],
    ['"a\\xc5"', { type: 'stringLiteral', val: 'a\ufffd' }],
    [
      'topk by (a) (1, foo)',
      {
        type: 'aggregation',
        op: 'topk',
        expr: { type: 'vectorSelector', ...FOO },
        param: NUMBER,
        grouping: ['a'],
        without: false,
      },
    ],
    [
      'round(foo)',
      {
        type: 'call',
        func: {
          name: 'round',
          argTypes: ['vector', 'scalar'],
          variadic: 1,
          returnType: 'vector',
        },
        args: [{ type: 'vectorSelector', ...FOO }],
      },
    ],
    [
      '1 + 1',
      { type: 'binaryExpr', op: '+', lhs: NUMBER, rhs: NUMBER, matching: null, bool: false },
    ],
    [
      'foo > bool on (a) group_left (b) fill_left (1) foo',
      {
        type: 'binaryExpr',
        op: '>',
        lhs: { type: 'vectorSelector', ...FOO },
        rhs: { type: 'vectorSelector', ...FOO },
        matching: {
          card: 'many-to-one',
          labels: ['a'],
          on: true,
          include: ['b'],
          fillValues: { lhs: 1, rhs: null },
        },
        bool: true,
      },
    ],
    [
      'foo[5m:] offset -(step())',
      {
        type: 'subquery',
        expr: { type: 'vectorSelector', ...FOO },
        range: 300_000,
        rangeExpr: null,
        step: 0,
        stepExpr: null,
        offset: 0,
        offsetExpr: {
          type: 'durationExpr',
          op: '-',
          lhs: null,
          rhs: { type: 'durationExpr', op: 'step', lhs: null, rhs: null, wrapped: true },
          wrapped: false,
        },
        timestamp: null,
        startOrEnd: null,
      },
    ],
  ];
  for (const [query, json] of rows) {
    it(query, () => {
      assert.deepEqual(treeJson(parse(query, ALL_ON)), json);
    });
  }
});
