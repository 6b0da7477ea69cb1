/**
 * The parser beside the grammar that Prometheus' own query page uses: a lenient one, which marks what is no PromQL.
 *
 * That grammar knows neither types nor what regular expressions say, and goes on after a fault; so only whether there is a
 * fault is compared.
 */
import assert from 'node:assert/strict';
import { parser } from '@prometheus-io/lezer-promql';
import fc from 'fast-check';
import { parse } from '../../src/promql/parse.ts';
import { ParseError } from '../../src/promql/parse-error.ts';
import { queryTexts } from './query-texts.ts';
import { everyQuery } from './reference/every-query.ts';
import { ALL_ON } from './switches.ts';

/** The other grammar takes no metric named `offset`, and `max_of` and `min_of` in durations only. */
const UNKNOWN_TO_LEZER =
  /\boffset\s*[[{)@]|\boffset (?:offset|anchored|smoothed|[-+*/^%<>=!@]|and|or|unless)|\b(?:max|min)_of\b/;
/** The first words of the faults of the lexer and the grammar. */
const SYNTAX = /^(?:unexpected|unclosed|unterminated|bad number|missing|no expression)/;

const PIECES = [
  ...[
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    '5m',
    '1',
    'by',
    'on',
    'offset',
    '@',
    '+',
    '-',
    'sum',
    'foo',
  ],
  ...[
    '"a"',
    '=',
    '=~',
    'bool',
    'group_left',
    ':',
    ' ',
    'fill',
    'and',
    'start',
    '1_0',
    '#',
    '!',
    '.',
  ],
];

/** A query with a piece too many, or with a few characters missing. */
const mutated = fc
  .tuple(
    fc.oneof(queryTexts, everyQuery('700')),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.constantFrom(...PIECES, 1, 2, 3),
  )
  .map(([text, part, piece]) => {
    const at = Math.floor(part * text.length);
    return typeof piece === 'string'
      ? text.slice(0, at) + piece + text.slice(at)
      : text.slice(0, at) + text.slice(at + piece);
  });

function faultOf(text: string): string | undefined {
  try {
    parse(text, ALL_ON);
    return undefined;
  } catch (error) {
    if (error instanceof ParseError) return error.faults[0]?.text ?? 'unexpected error';
    throw error;
  }
}

/** Where the other grammar sees the first fault; -1 if it sees none. */
function lezerFaultAt(text: string): number {
  let at = -1;
  parser.parse(text).iterate({
    enter: (node) => {
      if (node.type.isError && at < 0) at = node.from;
    },
  });
  return at;
}

describe("the grammar of Prometheus' query page", () => {
  for (const [what, queries] of Object.entries({ queryTexts, everyQuery: everyQuery('700') })) {
    it(`takes what the parser takes: ${what}`, () => {
      fc.assert(
        fc.property(queries, (text) => {
          if (UNKNOWN_TO_LEZER.test(text) || faultOf(text) !== undefined) return;

          const at = lezerFaultAt(text);

          assert.equal(at, -1, `${text.slice(0, at)} >>> ${text.slice(at)}`);
        }),
        { numRuns: 2_000, seed: 11 },
      );
    });
  }

  it('refuses what the parser refuses for its syntax', () => {
    let refused = 0;
    fc.assert(
      fc.property(mutated, (text) => {
        const fault = faultOf(text);
        if (fault === undefined || !SYNTAX.test(fault)) return;
        refused++;

        assert.notEqual(lezerFaultAt(text), -1, `${fault}: ${text}`);
      }),
      { numRuns: 4_000, seed: 13 },
    );
    assert.ok(refused > 1_000, `${refused} queries were refused`);
  });
});
