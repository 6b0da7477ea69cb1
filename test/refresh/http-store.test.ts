import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fields } from '../../src/refresh/fields.ts';
import { HttpStore, type ResponseParts } from '../../src/refresh/http-store.ts';

const FRESHNESS = {
  ...{ lifetimeMs: 1000, initialAgeMs: 0, responseMs: 0, noCache: false, neverStale: false },
  ...{ staleWhileRevalidateMs: 0, staleIfErrorMs: undefined },
};
const NONE = new Fields([]);

function parts(
  target: string,
  over: Partial<ResponseParts> & { scope?: string } = {},
): ResponseParts {
  const { scope = '', ...rest } = over;
  return {
    ...{ key: { target, scope }, status: 200, statusMessage: 'OK', fields: NONE },
    ...{ body: Buffer.from(target), freshness: FRESHNESS, selectors: [], ...rest },
  };
}

describe('HttpStore', () => {
  it('gives a response only to the scope that it was stored for', () => {
    const store = new HttpStore({ maxBytes: 1e6 });
    store.put(parts('/a', { scope: 'one' }));

    assert.equal(store.lookup({ target: '/a', scope: 'one' }, NONE)?.body.toString(), '/a');
    assert.equal(store.lookup({ target: '/a', scope: 'two' }, NONE), undefined);
    assert.equal(store.lookup({ target: '/a', scope: '' }, NONE), undefined);
  });

  it('keeps a response for each variant, and the newest of each', () => {
    const store = new HttpStore({ maxBytes: 1e6 });
    const variant = (value: string, text: string) =>
      store.put(parts('/a', { selectors: [['foo', value]], body: Buffer.from(text) }));
    variant('1', 'old');
    variant('2', 'two');
    variant('1', 'new');
    const read = (value: string) =>
      store.lookup({ target: '/a', scope: '' }, new Fields(['Foo', value]))?.body.toString();

    assert.deepEqual(['1', '2', '3'].map(read), ['new', 'two', undefined]);
    assert.equal(store.entries, 2);
  });

  it('removes by address, by the start of the address, and all, and says how many went', () => {
    const store = new HttpStore({ maxBytes: 1e6 });
    for (const target of ['/a', '/a/b', '/a/c', '/d', '/e']) store.put(parts(target));
    store.put(parts('/a', { scope: 'other' }));

    assert.equal(store.invalidate('/a'), 2);
    assert.equal(store.clear('/a/'), 2);
    assert.equal(store.clear('/x'), 0);
    assert.equal(store.clear(), 2);
    assert.deepEqual([store.entries, store.bytes], [0, 0]);
  });

  it('ends the ticket of a response that another may stand in for, or that is gone', () => {
    const store = new HttpStore({ maxBytes: 1e6 });
    const variant = (value: string) => store.put(parts('/a', { selectors: [['foo', value]] }));
    const one = variant('1');
    const early = one.ticket;
    variant('2');
    const late = one.ticket;

    assert.deepEqual([early.response, late.response], [undefined, one]);
    store.invalidate('/a');
    assert.equal(late.response, undefined);
  });

  it('bounds the variants of one address', () => {
    const store = new HttpStore({ maxBytes: 1e9 });
    for (let i = 0; i < 1_000; i++) store.put(parts('/a', { selectors: [['foo', String(i)]] }));

    assert.ok(store.entries <= 64);
    assert.ok(store.lookup({ target: '/a', scope: '' }, new Fields(['foo', '999'])));
  });

  it('never holds more bytes than its bound, and finds all that it counts', () => {
    const target = fc.constantFrom('/a', '/b', '/c', '/a/d');
    const step = fc.oneof(
      fc.record({
        do: fc.constant('put' as const),
        target,
        scope: fc.constantFrom('', 'x'),
        size: fc.nat(9_000),
      }),
      fc.record({ do: fc.constant('lookup' as const), target }),
      fc.record({ do: fc.constant('invalidate' as const), target }),
      fc.record({ do: fc.constant('clear' as const), target }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let evicted = 0;
        const store = new HttpStore({ maxBytes: 30_000, onEvicted: () => evicted++ });
        for (const one of steps) {
          if (one.do === 'put') {
            store.put(parts(one.target, { scope: one.scope, body: Buffer.alloc(one.size) }));
          } else if (one.do === 'lookup') store.lookup({ target: one.target, scope: '' }, NONE);
          else if (one.do === 'invalidate') store.invalidate(one.target);
          else store.clear(one.target);
          assert.ok(store.bytes <= 30_000);
        }
        const counted = store.entries;
        assert.equal(store.clear(), counted);
        assert.equal(store.bytes, 0);
      }),
    );
  });
});
