import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toBody } from '../../src/exposition/body.ts';
import { ExpositionError } from '../../src/exposition/error.ts';
import { TEXT } from '../../src/exposition/grammar.ts';
import { LabelNames } from '../../src/exposition/series.ts';
import { FamilyTable } from '../../src/merge/families.ts';
import { Indexer } from '../../src/merge/index.ts';
import { NameFilter } from '../../src/merge/name-filter.ts';

describe('NameFilter', () => {
  it('fits what a plain reading of the pattern fits', () => {
    const text = fc.array(fc.constantFrom('a', 'b', '_', 'ü', '😀'), { maxLength: 8 });
    const pattern = fc.array(fc.constantFrom('a', 'b', '_', '😀', '*', '?'), { maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (glob, name) => {
        const filter = new NameFilter({ allow: [glob.join('')], deny: [] });

        assert.equal(filter.passes(name.join('')), fitsPlainly(glob, name));
      }),
      { numRuns: 5000 },
    );
  });

  it('drops what is denied although it is allowed, and what nothing allows', () => {
    const filter = new NameFilter({ allow: ['http_*', 'up'], deny: ['*_bucket'] });

    const names = ['http_x', 'http_x_bucket', 'up', 'upper', 'go_x'];

    assert.deepEqual(
      names.filter((name) => filter.passes(name)),
      ['http_x', 'up'],
    );
  });

  it('allows everything but what is denied when nothing is said of what is allowed', () => {
    const filter = new NameFilter({ allow: [], deny: ['go_*'] });

    assert.deepEqual([filter.passes('go_x'), filter.passes('x')], [false, true]);
  });

  it('takes a pattern whose naive reading would never end', () => {
    const filter = new NameFilter({ allow: [`${'*a'.repeat(40)}*b`], deny: [] });

    assert.equal(filter.passes('a'.repeat(250)), false);
  });

  it('gives the same verdicts of more names than it keeps', () => {
    const filter = new NameFilter({ allow: ['*7'], deny: [] });
    const verdicts = (): boolean[] =>
      Array.from({ length: 30_000 }, (_, n) => filter.passes(`m${n}`));

    assert.deepEqual(verdicts(), verdicts());
    assert.equal(filter.passes('m7'), true);
  });

  it('fits no name of more than 256 characters, whatever the pattern', () => {
    const [long, longer] = ['x'.repeat(256), 'x'.repeat(257)];
    const passes = (filter: NameFilter) => [filter.passes(long), filter.passes(longer)];

    assert.deepEqual(passes(new NameFilter({ allow: ['*'], deny: [] })), [true, false]);
    assert.deepEqual(passes(new NameFilter({ allow: [], deny: ['*'] })), [false, true]);
  });

  it('lets others have their turn, and ends, where names and patterns were made to take long', () => {
    const deny = Array.from({ length: 50 }, (_, at) => `*${'a'.repeat(150)}${at}b`);
    const name = (at: number): string => `${'a'.repeat(230)}_${at}`;
    const text = Array.from({ length: 5_000 }, (_, at) => `${name(at)} 1\n`).join('');
    const filter = new NameFilter({ allow: [], deny });
    const indexer = new Indexer({
      families: new FamilyTable(),
      grammar: TEXT,
      reserved: new LabelNames([]),
      filter,
    });
    const slices: number[] = [];

    const index = (): void => {
      for (const _ of indexer.index(toBody(Buffer.from(text)))) slices.push(filter.steps);
    };

    assert.throws(index, (error) => error instanceof ExpositionError && error.kind === 'too-large');
    const longest = Math.max(...slices.map((steps, at) => steps - (slices[at - 1] ?? 0)));
    assert.ok(slices.length >= 4 && longest < 2 ** 22, `${slices}`);
    assert.ok(filter.steps < 2 ** 24, `${filter.steps}`);
  });
});

function fitsPlainly(glob: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = glob;
  if (first === undefined) return name.length === 0;
  if (first === '*')
    return name.some((_, at) => fitsPlainly(rest, name.slice(at))) || fitsPlainly(rest, []);
  return (
    name.length > 0 && (first === '?' || first === name[0]) && fitsPlainly(rest, name.slice(1))
  );
}
