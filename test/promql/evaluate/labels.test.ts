/** Label sets: interned, ordered as bytes, hashed as the reference hashes. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { xxHash64 } from '../../../src/promql/evaluate/label-hash.ts';
import { compareTexts, LabelTable } from '../../../src/promql/evaluate/labels.ts';

const pairs = fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 }).map(Object.entries);

describe('label tables', () => {
  it('give the same object for the same set, and for no other', () => {
    fc.assert(
      fc.property(pairs, pairs, (a, b) => {
        const table = new LabelTable();
        const kept = (of: typeof a) =>
          JSON.stringify(of.filter(([, value]) => value !== '').toSorted());

        assert.equal(table.of(a) === table.of(b.toReversed()), kept(a) === kept(b));
      }),
    );
  });

  it('do not confuse a name with a value', () => {
    const table = new LabelTable();

    assert.notEqual(
      table.of([['a', 'b1:c']]),
      table.of([
        ['a', 'b'],
        ['c', ''],
      ]),
    );
    assert.notEqual(
      table.of([['a', '1:b1:c']]),
      table.of([
        ['a', '1'],
        ['b', 'c'],
      ]),
    );
  });

  it('order texts as their UTF-8 bytes', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.equal(
          Math.sign(compareTexts(a, b)),
          Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))),
        );
      }),
    );
    assert.ok(compareTexts('\u{1f600}', '\uff5e') > 0);
  });

  it('hash by XXH64', () => {
    const hash = (text: string) => xxHash64(Buffer.from(text)).toString(16);

    assert.equal(hash(''), 'ef46db3751d8e999');
    assert.equal(hash('a'), 'd24ec4f1a98c6e5b');
    assert.equal(hash('abc'), '44bc2cf5ad770999');
    assert.equal(hash('Nobody inspects the spammish repetition'), 'fbcea83c8a378bf1');
  });
});
