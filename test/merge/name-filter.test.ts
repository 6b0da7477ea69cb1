import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toBody } from '../../src/exposition/body.ts';
import { ExpositionError } from '../../src/exposition/error.ts';
import { TEXT } from '../../src/exposition/grammar.ts';
import { LabelNames } from '../../src/exposition/label-names.ts';
import { FamilyTable } from '../../src/merge/families.ts';
import { Indexer } from '../../src/merge/indexer.ts';
import { NameFilter } from '../../src/merge/name-filter.ts';

describe('NameFilter', () => {
  it('fits what a plain reading of the pattern fits', () => {
    const text = fc.array(fc.constantFrom('a', 'b', '_', 'ü', '😀'), { maxLength: 8 });
    const pattern = fc.oneof(
      fc.array(fc.constantFrom('a', 'b', '_', '😀', '*', '?'), { maxLength: 8 }),
      fc
        .tuple(
          fc.constantFrom('', '*'),
          fc.constantFrom('a', 'ab', 'b_a'),
          fc.constantFrom('', '*'),
        )
        .map((parts) => Array.from(parts.join(''))),
    );
    fc.assert(
      fc.property(pattern, text, (glob, name) => {
        const filter = new NameFilter({ allow: [glob.join('')], deny: [] });

        assert.equal(filter.judge(name.join('')).passes, fitsPlainly(glob, name));
      }),
      { numRuns: 5000 },
    );
  });

  it('drops what is denied although it is allowed, and what nothing allows', () => {
    const filter = new NameFilter({ allow: ['http_*', 'up'], deny: ['*_bucket'] });

    const names = ['http_x', 'http_x_bucket', 'up', 'upper', 'go_x'];

    assert.deepEqual(
      names.filter((name) => filter.judge(name).passes),
      ['http_x', 'up'],
    );
  });

  it('allows everything but what is denied when nothing is said of what is allowed', () => {
    const filter = new NameFilter({ allow: [], deny: ['go_*'] });

    assert.deepEqual([filter.judge('go_x').passes, filter.judge('x').passes], [false, true]);
  });

  it('takes a pattern whose naive reading would never end', () => {
    const filter = new NameFilter({ allow: [`${'*a'.repeat(40)}*b`], deny: [] });

    assert.equal(filter.judge('a'.repeat(250)).passes, false);
  });

  it('fits no name of more than 256 characters, whatever the pattern', () => {
    const [long, longer] = ['x'.repeat(256), 'x'.repeat(257)];
    const passes = (filter: NameFilter) => [filter.judge(long).passes, filter.judge(longer).passes];

    assert.deepEqual(passes(new NameFilter({ allow: ['*'], deny: [] })), [true, false]);
    assert.deepEqual(passes(new NameFilter({ allow: [], deny: ['*'] })), [false, true]);
  });

  it('lets others have their turn, and ends, where names and patterns were made to take long', () => {
    const deny = Array.from(
      { length: 50 },
      (_, at) => `*${'a'.repeat(75)}?${'a'.repeat(75)}${at}b`,
    );
    const name = (at: number): string => `${'a'.repeat(230)}_${at}`;
    const text = Array.from({ length: 5_000 }, (_, at) => `${name(at)} 1\n`).join('');
    const filter = new NameFilter({ allow: [], deny });
    const indexer = new Indexer({
      families: new FamilyTable(),
      grammar: TEXT,
      reserved: new LabelNames([]),
      filter,
    });
    let slices = 0;
    const index = (): void => {
      for (const _ of indexer.index(toBody(Buffer.from(text)))) slices += 1;
    };

    assert.throws(index, (error) => error instanceof ExpositionError && error.kind === 'too-large');
    const { steps } = filter.judge(name(0));
    assert.ok(steps > 100_000 && steps < 2 ** 21, `${steps}`);
    assert.ok(slices >= 10 && slices <= 40, `${slices}`);
  });

  it('takes ten thousand honest names and forty patterns, again and again', () => {
    const deny = Array.from({ length: 40 }, (_, at) => `*_zz${at}_*`);
    const names = Array.from(
      { length: 10_000 },
      (_, at) => `http_server_requests_of_route_${at}_total`,
    );
    const text = names.map((name) => `${name} 1\n`).join('');
    const filter = new NameFilter({ allow: ['http_*_total', 'x?y*z'], deny });

    for (let time = 0; time < 2; time++) {
      const families = new FamilyTable();
      const indexer = new Indexer({
        families,
        grammar: TEXT,
        reserved: new LabelNames([]),
        filter,
      });
      const index = indexer.index(toBody(Buffer.from(text)));
      let step = index.next();
      while (!step.done) step = index.next();
      assert.equal(step.value.inserts.length, names.length);
    }
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
