import assert from 'node:assert/strict';
import fc from 'fast-check';
import { freshKey, readKey } from '../../broker/key.ts';
import { KeyRing, SealError, type SealedPlace, type SealFailure } from '../../broker/seal.ts';

const OLD = readKey(freshKey().key);
const NEW = readKey(freshKey().key);
const PLACE: SealedPlace = { bindingId: 'b', what: 'token' };

const fails = (failure: SealFailure) => (error: unknown) =>
  error instanceof SealError && error.failure === failure;

const place = fc.record({
  bindingId: fc.string({ unit: 'binary' }),
  what: fc.constantFrom('token' as const, 'headers' as const),
});

describe('KeyRing', () => {
  it('opens what it sealed, and shows nothing of it', () => {
    const ring = new KeyRing(NEW);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), place, (text, where) => {
        const sealed = ring.seal(text, where);
        assert.equal(ring.open(sealed, where), text);
        assert.match(sealed, /^[\w.-]+$/);
        assert.ok(text.length < 8 || !Buffer.from(sealed, 'base64url').includes(text));
      }),
    );
  });

  it('opens nothing in another place', () => {
    const ring = new KeyRing(NEW);
    fc.assert(
      fc.property(fc.string(), place, place, (text, here, there) => {
        fc.pre(here.bindingId !== there.bindingId || here.what !== there.what);
        const sealed = ring.seal(text, here);
        assert.throws(() => ring.open(sealed, there), fails('damaged'));
      }),
    );
  });

  it('opens nothing of which one bit is another', () => {
    const ring = new KeyRing(NEW);
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, at) => {
        const [version, id, body] = ring.seal(text, PLACE).split('.');
        const bytes = Buffer.from(body!, 'base64url');
        const bit = at % (bytes.length * 8);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        const changed = `${version}.${id}.${bytes.toString('base64url')}`;
        assert.throws(() => ring.open(changed, PLACE), fails('damaged'));
      }),
    );
  });

  it('opens no other text', () => {
    const ring = new KeyRing(NEW);
    const sealed = ring.seal('text', PLACE);
    for (const text of ['', 'v1', `v2${sealed.slice(2)}`, `${sealed}=`, `${sealed} `, 'v1.x.y']) {
      assert.throws(() => ring.open(text, PLACE), fails('malformed'), text);
    }
    const short = sealed.slice(0, sealed.lastIndexOf('.') + 36);
    assert.throws(() => ring.open(short, PLACE), fails('malformed'));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.throws(() => ring.open(text, PLACE), SealError);
      }),
    );
  });

  it('seals the same text differently each time', () => {
    const ring = new KeyRing(NEW);
    const sealed = Array.from({ length: 100 }, () => ring.seal('text', PLACE));
    assert.equal(new Set(sealed).size, 100);
  });

  it('writes with the current key, and reads what older ones wrote', () => {
    const before = new KeyRing(OLD);
    const after = new KeyRing(NEW, [OLD, NEW]);
    const old = before.seal('old', PLACE);
    assert.equal(after.open(old, PLACE), 'old');
    const fresh = after.seal('new', PLACE);
    assert.ok(fresh.startsWith(`v1.${NEW.id}.`));
    assert.throws(() => before.open(fresh, PLACE), fails('unknown-key'));
    assert.throws(() => new KeyRing(NEW).open(old, PLACE), fails('unknown-key'));
  });

  it('opens nothing with a key that took the id of another', () => {
    const sealed = new KeyRing(OLD).seal('old', PLACE);
    const ring = new KeyRing({ id: OLD.id, bytes: NEW.bytes });
    assert.throws(() => ring.open(sealed, PLACE), fails('damaged'));
  });
});

describe('readKey', () => {
  it('takes 32 bytes in base64 or base64url as they are', () => {
    const bytes = Buffer.alloc(32, 0xfb);
    for (const text of [bytes.toString('base64'), bytes.toString('base64url')]) {
      assert.deepEqual(readKey(text).bytes, bytes);
    }
  });

  it('makes a key of any other text, the same one everywhere', () => {
    const key = readKey('correct horse battery staple');
    assert.equal(key.bytes.length, 32);
    assert.deepEqual(readKey('correct horse battery staple'), key);
    assert.equal(
      key.bytes.toString('hex'),
      'b4fffd0034ea84cd8fa3b99a942322f886ad4fb6f6a872b7c8d9c40e4b118a90',
    ); // what is stored must open after an update, too
    assert.notEqual(readKey('correct horse battery stable').id, key.id);
  });

  it('refuses the empty text', () => {
    assert.throws(() => readKey(''), RangeError);
  });

  it('reads what a store keeps', () => {
    const { id, key } = freshKey();
    assert.equal(readKey(key).id, id);
    assert.match(id, /^[0-9a-f]{16}$/);
    assert.notEqual(freshKey().id, id);
  });
});
