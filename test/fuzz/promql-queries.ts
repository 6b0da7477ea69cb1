/**
 * Queries of strangers: whatever is written, the parser gives a tree or a PromQL error; and what it
 * read, it prints so that it reads the same again.
 */
import { setImmediate } from 'node:timers/promises';
import { parse } from '../../src/promql/parse.ts';
import { ParseError } from '../../src/promql/parse-error.ts';
import { prettify } from '../../src/promql/prettify.ts';
import { print } from '../../src/promql/print.ts';
import { treeJson } from '../../src/promql/tree-json.ts';
import { ALL_ON } from '../promql/switches.ts';
import type { Finding, Fuzzer, Outcome } from './fuzzer.ts';

const CASES = 40_000;
const QUERIES = [
  'sum by (job) (rate(http_requests_total{code=~"5..",path!="/"}[5m] offset 1h)) / 2',
  'a + on (x, "y z") group_left (b) fill_left (0) {"m.n", o!~"p|q"} @ 1.5',
  'max_over_time(topk(3, foo)[1h:1m] @ start() offset -5m) > bool 0x1f or vector(Inf)',
  'foo[step() + max_of(1m, range() / 2)] smoothed offset (5m)',
  'label_replace(x, "a", "$1", `b`, \'(.*)\') # comment\n^ -1e3',
  'info(limitk(1, a unless b), {__name__="c"}) atan2 histogram_quantile(.9, d)',
].map((text) => Buffer.from(text));
const WORDS = [
  ...['(', ')', '[', ']', '{', '}', ',', ':', '=', '=~', '!=', '!~', '==', '<', '</', '>/', '^'],
  ...['"', "'", '`', '\\', '\\x', '\\ud800', '#', '\n', ' ', '5m', '1_0', '0x', '1e', 'NaN', '.5'],
  ...[
    ' by ',
    ' on ',
    ' bool ',
    ' offset ',
    ' @ ',
    'step()',
    ' anchored',
    ' fill(',
    'sum',
    'é',
    '☺',
  ],
  ...['((((((((', '--------', '[5m:1m]', '{a=~"(("}', '{a=~"(a{99}){99}"}', ' or x'],
];

export function promqlFuzzer(): Fuzzer {
  return {
    async round(chance, scale) {
      const inputs = Math.ceil(CASES * scale);
      const findings: Finding[] = [];
      const outcomes: Outcome[] = [];
      for (let i = 0; i < inputs; i++) {
        const input = chance.mutate(chance.pick(QUERIES), WORDS);
        const { word, fault } = attack(input.toString());
        outcomes.push({ word, input });
        if (fault !== undefined) findings.push({ what: fault, input });
        if (i % 1000 === 0) await setImmediate();
      }
      return { inputs, findings, outcomes };
    },
  };
}

interface Attack {
  readonly word: string;
  /** What the parser did wrong. */
  readonly fault?: string;
}

function attack(query: string): Attack {
  let line: string;
  try {
    const tree = parse(query, ALL_ON);
    line = print(tree);
    prettify(tree);
    JSON.stringify(treeJson(tree));
  } catch (error) {
    if (!(error instanceof ParseError)) return { word: 'threw', fault: String(error) };
    const isPlaced = /^(?:\d+:\d+|unknown position): parse error: ./su.test(error.message);
    return isPlaced
      ? { word: 'refused' }
      : { word: 'refused', fault: `has no place: ${error.message}` };
  }
  try {
    const again = print(parse(line, ALL_ON));
    if (again !== line) return { word: 'parsed', fault: `prints ${line}, then ${again}` };
  } catch (error) {
    return { word: 'parsed', fault: `prints ${line}: ${String(error)}` };
  }
  return { word: 'parsed' };
}
