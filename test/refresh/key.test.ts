import assert from 'node:assert/strict';
import fc from 'fast-check';
import { keyMaker } from '../../src/refresh/key.ts';

const key = keyMaker();

describe('keyMaker', () => {
  it('gives two lists of fields one key only if they are equal', () => {
    const fields = fc.array(fc.string({ maxLength: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        assert.equal(key(a) === key(b), JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('tells fields apart that look alike when joined', () => {
    assert.notEqual(key(['a=bc']), key(['ab=c']));
    assert.notEqual(key(['a', 'bc']), key(['ab', 'c']));
    assert.notEqual(key(['a']), key(['a', '']));
    assert.notEqual(key(['1:a']), key(['1', 'a']));
  });

  it('gives other keys with another secret, so that nobody can try credentials on them', () => {
    assert.notEqual(key(['a']), keyMaker()(['a']));
  });
});
