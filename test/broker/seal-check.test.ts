import assert from 'node:assert/strict';
import type { Binding } from '../../broker/binding-store.ts';
import { freshKey, readKey } from '../../broker/key.ts';
import { KeyRing } from '../../broker/seal.ts';
import { SealCheck } from '../../broker/seal-check.ts';
import { sealSecrets } from '../../broker/secrets.ts';
import { bindingOf } from '../store/bindings.ts';

const ring = () => new KeyRing(readKey(freshKey().key));
let revision = 0;

function sealed(id: string, keys: KeyRing): Binding {
  return { ...bindingOf('i', id), ...sealSecrets(id, {}, keys), revision: ++revision };
}

describe('SealCheck', () => {
  it('tells once of bindings that the keys do not open, and counts them', () => {
    const [keys, lost] = [ring(), ring()];
    const told: string[] = [];
    const check = new SealCheck({ keys, onSealed: (id) => told.push(id) });
    const bindings = [sealed('a', keys), sealed('b', lost), sealed('c', lost), sealed('d', keys)];

    check.apply({ whole: true, bindings, removed: [] });
    check.apply({ whole: false, bindings: [sealed('e', lost)], removed: [] });

    assert.deepEqual(told, ['b']);
    assert.equal(check.count, 3);
  });

  it('is content once they have gone, and tells of the next', () => {
    const [keys, lost] = [ring(), ring()];
    const told: string[] = [];
    const check = new SealCheck({ keys, onSealed: (id) => told.push(id) });
    check.apply({ whole: true, bindings: [sealed('a', lost)], removed: [] });

    check.apply({ whole: false, bindings: [sealed('b', keys)], removed: ['a'] });
    assert.equal(check.count, 0);
    check.apply({ whole: false, bindings: [sealed('a', lost)], removed: [] });

    assert.deepEqual(told, ['a', 'a']);
  });

  it("opens one of them: its key may be the right one, and the text another binding's", () => {
    const keys = ring();
    const [one, other] = [sealed('a', keys), sealed('b', keys)];
    const check = new SealCheck({ keys, onSealed: () => undefined });

    check.apply({
      whole: true,
      bindings: [one, { ...other, sealedToken: one.sealedToken }],
      removed: [],
    });

    assert.equal(check.count, 1);
  });
});
