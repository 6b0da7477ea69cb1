/**
 * What every store of bindings does, whatever it is kept in.
 */
import assert from 'node:assert/strict';
import type { BindingStore } from '../../broker/binding-store.ts';
import { AWKWARD_IDS, bindingOf, instanceOf } from './bindings.ts';
import { itTellsReadersEverything } from './changes.contract.ts';
import { Reader } from './reader.ts';

/** A store's place, empty at first. */
export interface Place extends AsyncDisposable {
  /** Each is another replica; closed with the place. */
  open(options?: { readonly maxTombstones?: number }): Promise<BindingStore>;
}

/** @param place - makes one for each test */
export function itIsABindingStore(place: () => Promise<Place>): void {
  describe('instances', () => {
    it('are what was put first', async () => {
      await using database = await place();
      const store = await database.open();
      const given = instanceOf('i', { parameters: '{"a":1}', spaceId: 's', organizationId: 'o' });

      assert.equal(await store.instance('i'), undefined);
      assert.deepEqual(await store.putInstance(given), { created: true, instance: given });
      assert.deepEqual(await store.putInstance(instanceOf('i', { parameters: '{}' })), {
        created: false,
        instance: given,
      });
      assert.deepEqual(await store.instance('i'), given);
    });

    it('take new parameters, and the same again', async () => {
      await using database = await place();
      const store = await database.open();
      await store.putInstance(instanceOf('i'));

      assert.equal(await store.updateInstance('i', '{"a":"😀"}'), true);
      assert.equal(await store.updateInstance('i', '{"a":"😀"}'), true);
      assert.equal(await store.updateInstance('I', '{}'), false);
      assert.deepEqual(await store.instance('i'), instanceOf('i', { parameters: '{"a":"😀"}' }));
    });

    it('take their bindings with them, and no others', async () => {
      await using database = await place();
      const store = await database.open();
      for (const id of ['i', 'j']) {
        await store.putInstance(instanceOf(id));
        await store.putBinding(bindingOf(id, `${id}-1`));
        await store.putBinding(bindingOf(id, `${id}-2`));
      }
      const seen = await store.changesSince();

      assert.equal(await store.deleteInstance('i'), true);
      assert.equal(await store.deleteInstance('i'), false);
      assert.equal(await store.instance('i'), undefined);
      assert.equal(await store.binding('i-1'), undefined);
      const changes = await store.changesSince(seen);
      assert.deepEqual(changes.removed.toSorted(), ['i-1', 'i-2']);
      const left = (await store.changesSince()).bindings.map(({ id }) => id);
      assert.deepEqual(left, ['j-1', 'j-2']);
    });
  });

  describe('bindings', () => {
    it('are what was put first, and numbered in the order of their creation', async () => {
      await using database = await place();
      const store = await database.open();
      await store.putInstance(instanceOf('i'));
      const given = bindingOf('i', 'b', {
        appId: undefined,
        sealedHeaders: 'sealed headers',
        parameters: JSON.stringify({ 'label 😀': 'x'.repeat(100_000) }),
      });

      const first = await store.putBinding(given);
      const second = await store.putBinding(bindingOf('i', 'c'));
      const again = await store.putBinding(bindingOf('i', 'b'));

      assert.ok(first && second);
      assert.deepEqual(first, {
        created: true,
        binding: { ...given, revision: first.binding.revision },
      });
      assert.ok(second.binding.revision > first.binding.revision);
      assert.deepEqual(again, { created: false, binding: first.binding });
      assert.deepEqual(await store.binding('b'), first.binding);
      assert.deepEqual((await store.changesSince()).bindings, [first.binding, second.binding]);
    });

    it('have one id in the whole store', async () => {
      await using database = await place();
      const store = await database.open();
      await store.putInstance(instanceOf('i'));
      await store.putInstance(instanceOf('j'));
      const first = await store.putBinding(bindingOf('i', 'b'));

      const other = await store.putBinding(bindingOf('j', 'b'));

      assert.deepEqual(other, { created: false, binding: first?.binding });
    });

    it('need an instance', async () => {
      await using database = await place();
      const store = await database.open();

      assert.equal(await store.putBinding(bindingOf('i', 'b')), undefined);
      assert.equal(await store.binding('b'), undefined);
    });

    it('are deleted by the name of their own instance only', async () => {
      await using database = await place();
      const store = await database.open();
      await store.putInstance(instanceOf('i'));
      await store.putInstance(instanceOf('j'));
      await store.putBinding(bindingOf('i', 'b'));

      assert.equal(await store.deleteBinding('j', 'b'), false);
      assert.equal(await store.deleteBinding('i', 'c'), false);
      assert.equal(await store.deleteBinding('i', 'b'), true);
      assert.equal(await store.deleteBinding('i', 'b'), false);
      assert.equal(await store.binding('b'), undefined);
    });
  });

  it('keeps any ids apart, and as they were given', async () => {
    await using database = await place();
    const store = await database.open();
    for (const id of AWKWARD_IDS) {
      const texts = { serviceId: id, planId: id, spaceId: id };
      const instance = instanceOf(id, { ...texts, organizationId: id });
      assert.deepEqual(await store.putInstance(instance), { created: true, instance });
      const put = await store.putBinding(bindingOf(id, id, { ...texts, appId: id }));
      assert.equal(put?.created, true);
    }

    const { bindings } = await store.changesSince();
    assert.deepEqual(
      bindings.map(({ revision: _, ...binding }) => binding),
      AWKWARD_IDS.map((id) =>
        bindingOf(id, id, { serviceId: id, planId: id, spaceId: id, appId: id }),
      ),
    );
    const seen = await store.changesSince();
    for (const [count, id] of AWKWARD_IDS.entries()) {
      assert.equal((await store.instance(id))?.id, id);
      assert.equal(await store.deleteBinding(id, id), true);
      assert.equal((await store.changesSince()).bindings.length, AWKWARD_IDS.length - count - 1);
    }
    const { removed } = await store.changesSince(seen);
    assert.deepEqual(removed.toSorted(), AWKWARD_IDS.toSorted());
  });

  it('forgets who has gone beyond its bound, and tells everything to readers from before', async () => {
    await using database = await place();
    const store = await database.open({ maxTombstones: 3 });
    await store.putInstance(instanceOf('i'));
    const early = new Reader(store);
    const late = new Reader(store);
    for (const id of ['a', 'b', 'c', 'd', 'e']) await store.putBinding(bindingOf('i', id));
    await early.read();
    for (const id of ['a', 'b']) await store.deleteBinding('i', id);
    await late.read();
    for (const id of ['c', 'd']) await store.deleteBinding('i', id);

    assert.equal(await early.read(), true);
    assert.equal(await late.read(), false);
    assert.deepEqual(early.bindings, late.bindings);
    assert.deepEqual(
      late.bindings.map(({ id }) => id),
      ['e'],
    );
  });

  it('bounds what it remembers of an instance with many bindings, too', async () => {
    await using database = await place();
    const store = await database.open({ maxTombstones: 3 });
    await store.putInstance(instanceOf('i'));
    await store.putInstance(instanceOf('j'));
    for (const id of ['a', 'b', 'c', 'd', 'e']) await store.putBinding(bindingOf('i', id));
    await store.putBinding(bindingOf('j', 'f'));
    const reader = new Reader(store);
    await reader.read();
    await store.deleteInstance('i');

    assert.equal(await reader.read(), true);
    assert.deepEqual(
      reader.bindings.map(({ id }) => id),
      ['f'],
    );
    await store.deleteBinding('j', 'f');
    assert.equal(await reader.read(), false);
    assert.deepEqual(reader.bindings, []);
  });

  it('tells everything to a reader from a future that did not happen', async () => {
    await using database = await place();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    await store.putBinding(bindingOf('i', 'b'));
    const seen = await store.changesSince();

    const changes = await store.changesSince({ ...seen, revision: 1_000_000 });

    assert.equal(changes.whole, true);
    assert.equal(changes.bindings.length, 1);
    assert.equal((await store.changesSince(changes)).whole, false);
  });

  it('says that a binding has gone and is here again', async () => {
    await using database = await place();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    await store.putBinding(bindingOf('i', 'b'));
    const seen = await store.changesSince();
    await store.deleteBinding('i', 'b');
    await store.putBinding(bindingOf('i', 'b'));
    await store.deleteBinding('i', 'b');
    const put = await store.putBinding(bindingOf('i', 'b', { appId: 'other' }));

    const { bindings, removed } = await store.changesSince(seen);

    assert.deepEqual(bindings, [put?.binding]);
    assert.deepEqual(removed, ['b']);
  });

  describe('two replicas', () => {
    it('see what the other did', async () => {
      await using database = await place();
      const [one, other] = [await database.open(), await database.open()];
      await one.putInstance(instanceOf('i'));

      const put = await other.putBinding(bindingOf('i', 'b'));

      assert.deepEqual(await one.binding('b'), put?.binding);
      assert.equal(await one.deleteInstance('i'), true);
      assert.equal(await other.instance('i'), undefined);
    });

    it('create an instance once, whoever asks', async () => {
      await using database = await place();
      const replicas = [await database.open(), await database.open()];
      for (let round = 0; round < 10; round++) {
        const puts = await Promise.all(
          replicas.map((store, index) =>
            store.putInstance(instanceOf(`i${round}`, { parameters: `{"by":${index}}` })),
          ),
        );

        const winner = puts.find(({ created }) => created);
        assert.equal(puts.filter(({ created }) => created).length, 1);
        for (const { instance } of puts) assert.deepEqual(instance, winner?.instance);
      }
    });

    it('create a binding once, whoever asks', async () => {
      await using database = await place();
      const replicas = [await database.open(), await database.open()];
      await replicas[0]?.putInstance(instanceOf('i'));
      for (let round = 0; round < 10; round++) {
        const puts = await Promise.all(
          replicas.flatMap((store, index) =>
            ['x', 'y'].map((sealedToken) =>
              store.putBinding(bindingOf('i', `b${round}`, { sealedToken, appId: `by ${index}` })),
            ),
          ),
        );

        const winner = puts.find((put) => put?.created);
        assert.equal(puts.filter((put) => put?.created).length, 1);
        for (const put of puts) assert.deepEqual(put?.binding, winner?.binding);
      }
    });

    it('leave no binding without its instance', async () => {
      await using database = await place();
      const [one, other] = [await database.open(), await database.open()];
      for (let round = 0; round < 10; round++) {
        await one.putInstance(instanceOf('i'));
        const [put, isDeleted] = await Promise.all([
          one.putBinding(bindingOf('i', 'b')),
          other.deleteInstance('i'),
        ]);

        assert.equal(isDeleted, true);
        assert.ok(put === undefined || put.created);
        assert.equal(await one.binding('b'), undefined);
      }
    });

    it('agree on one key', async () => {
      await using database = await place();
      const replicas = [await database.open(), await database.open()];

      const keys = await Promise.all(
        replicas.flatMap((store, index) => [
          store.ownKey({ id: `${index}`, key: `key ${index}` }),
          store.ownKey({ id: `${index} again`, key: `key ${index} again` }),
        ]),
      );

      assert.equal(new Set(keys.map((key) => JSON.stringify(key))).size, 1);
      assert.deepEqual(await replicas[1]?.ownKey({ id: 'late', key: 'late' }), keys[0]);
    });
  });

  itTellsReadersEverything(place);
}
