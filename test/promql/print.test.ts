/** What the printer writes reads back as the same tree: for generated trees, and for the corpus. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse } from '../../src/promql/parse.ts';
import { prettify } from '../../src/promql/prettify.ts';
import { print } from '../../src/promql/print.ts';
import type { DurationUnary, Expression } from '../../src/promql/tree.ts';
import { queryTexts } from './query-texts.ts';
import { ALL_ON } from './switches.ts';

const EVALUATION =
  /^eval(?:_\w+)?\s+(?:instant\s+at\s+\S+|range\s+from\s+\S+\s+to\s+\S+\s+step\s+\S+)\s+(.+)$/i;

/**
 * A tree without its places, which the printer's blanks move; matchers in the printer's order; of a
 * duration without a plus before it, which Prometheus does not print.
 */
function withoutPlaces(tree: Expression): unknown {
  return JSON.parse(
    JSON.stringify(tree, (key, value: unknown) => {
      if (key === 'span') return undefined;
      if (isPlus(value)) return value.term;
      if (Object.is(value, -0)) return '-0';
      if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
      return key === 'matchers' && Array.isArray(value) ? sorted(value) : value;
    }),
  );
}

function isPlus(value: unknown): value is DurationUnary {
  const node = value as Partial<DurationUnary> | null;
  return node?.kind === 'duration-unary' && node.op === '+' && node.wrapped === false;
}

function sorted(matchers: readonly unknown[]): readonly unknown[] {
  return matchers.map((matcher) => JSON.stringify(matcher)).sort();
}

describe('print', () => {
  it('writes what reads back as the same tree, in one line and in several', () => {
    fc.assert(
      fc.property(queryTexts, (query) => {
        const tree = parse(query, ALL_ON);

        const line = print(tree);

        const again = parse(line, ALL_ON);
        assert.deepEqual(withoutPlaces(again), withoutPlaces(tree), line);
        assert.equal(print(again), line);
        const lines = prettify(tree);
        assert.equal(print(parse(lines, ALL_ON)), line, lines);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('prettify', () => {
  it('leaves what fits into a line', () => {
    const query = `sum by (job) (rate(${'x'.repeat(70)}[5m]))`;

    assert.equal(prettify(parse(query)), query);
  });

  it('splits longer nodes, never selectors', () => {
    const metric = 'x'.repeat(100);
    const query = `topk by (a) (3, -rate(${metric}[5m])) / on (a) (${metric} + label_join(b, "c", "d")) + max_over_time(sum(${metric})[5m:1m])`;

    const lines = prettify(parse(query)).split('\n');

    assert.deepEqual(lines, [
      '    topk by (a) (',
      '      3,',
      `      -rate(`,
      `        ${metric}[5m]`,
      '      )',
      '    )',
      '  / on (a)',
      '    (',
      `        ${metric}`,
      '      +',
      '        label_join(b, "c", "d")',
      '    )',
      '+',
      '  max_over_time(',
      `    sum(`,
      `      ${metric}`,
      `    )[5m:1m]`,
      '  )',
    ]);
  });
});

describe('the corpus of Prometheus', () => {
  const folder = process.env['PROMGATE_PROMQL_CORPUS'];
  if (folder === undefined) {
    it('is parsed where PROMGATE_PROMQL_CORPUS names its folder', function () {
      this.skip();
    });
    return;
  }
  const queries = queriesIn(join(folder, 'testdata'));

  it('has all of its 1,861 expressions', () => {
    assert.equal(queries.length, 1861);
  });

  for (const query of queries) {
    it(query, () => {
      const tree = parse(query, ALL_ON);

      assert.deepEqual(withoutPlaces(parse(print(tree), ALL_ON)), withoutPlaces(tree));
      assert.equal(print(parse(prettify(tree), ALL_ON)), print(tree));
    });
  }
});

function queriesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) throw new Error(`PROMGATE_PROMQL_CORPUS: there is no ${folder}`);
  const lines = readdirSync(folder)
    .filter((file) => file.endsWith('.test'))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'));
  const found = lines.map((line) => EVALUATION.exec(line.trim())?.[1]);
  return [...new Set(found.filter((query) => query !== undefined))];
}
