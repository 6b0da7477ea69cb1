import assert from 'node:assert/strict';
import type { Changes, Seen } from '../../broker/binding-store.ts';
import { Follower } from '../../src/store/follower.ts';
import { eventually } from '../support/eventually.ts';

const NOTHING = { mark: 'm', whole: false, bindings: [], removed: [] };

/** A store whose polls the test answers one by one. */
class AskedStore {
  readonly polls: {
    readonly seen: Seen | undefined;
    readonly answer: (changes: Changes) => void;
  }[] = [];
  #asked = Promise.withResolvers<void>();
  changed = (): void => undefined;

  changesSince(seen?: Seen): Promise<Changes> {
    return new Promise((resolve) => {
      this.polls.push({ seen, answer: resolve });
      this.#asked.resolve();
      this.#asked = Promise.withResolvers();
    });
  }

  onChange(listener: () => void): void {
    this.changed = listener;
  }

  async poll(number: number): Promise<AskedStore['polls'][number]> {
    while (this.polls.length < number) await this.#asked.promise;
    return this.polls[number - 1]!; // they are as many
  }
}

const NEVER_MS = 2 ** 30;
const quiet = { apply: () => undefined, onAway: () => undefined, onBack: () => undefined };

describe('Follower', () => {
  it('asks for what came after the revision seen last', async () => {
    const store = new AskedStore();
    const applied: number[] = [];
    const apply = ({ revision }: Changes): number => applied.push(revision);
    await using _ = new Follower({ store, ...quiet, apply, everyMs: 1, atLeastMs: 0 });

    (await store.poll(1)).answer({ ...NOTHING, revision: 7 });
    (await store.poll(2)).answer({ ...NOTHING, revision: 9 });
    const third = await store.poll(3);
    third.answer({ ...NOTHING, revision: 9 });

    assert.deepEqual(
      store.polls.slice(0, 3).map(({ seen }) => seen),
      [undefined, { revision: 7, mark: 'm' }, { revision: 9, mark: 'm' }],
    );
    assert.deepEqual(applied.slice(0, 2), [7, 9]);
  });

  it('refreshes by a poll that begins after it was asked to, one for all who ask', async () => {
    const store = new AskedStore();
    await using follower = new Follower({ store, ...quiet, everyMs: NEVER_MS, atLeastMs: 0 });
    const first = await store.poll(1);
    let refreshed = 0;
    const both = [follower.refresh(), follower.refresh()].map((one) => one.then(() => refreshed++));

    first.answer({ ...NOTHING, revision: 1 });
    const second = await store.poll(2);
    assert.equal(refreshed, 0, 'the poll under way may have missed what they want to see');
    second.answer({ ...NOTHING, revision: 2 });
    await Promise.all(both);

    assert.equal(store.polls.length, 2);
  });

  it('polls when the store tells of a change', async () => {
    const store = new AskedStore();
    await using _ = new Follower({ store, ...quiet, everyMs: NEVER_MS, atLeastMs: 0 });
    (await store.poll(1)).answer({ ...NOTHING, revision: 1 });

    store.changed();

    (await store.poll(2)).answer({ ...NOTHING, revision: 2 });
  });

  it('is behind from a hint to the end of a poll that began after it, whether or not that succeeds', async () => {
    const store = new AskedStore();
    await using follower = new Follower({ store, ...quiet, everyMs: NEVER_MS, atLeastMs: 0 });
    const first = await store.poll(1);
    assert.equal(follower.isBehind, false);

    follower.hint();
    first.answer({ ...NOTHING, revision: 1 });
    const second = await store.poll(2);
    assert.equal(follower.isBehind, true, 'the poll under way may have missed the change');
    const read = follower.refresh();
    second.answer({ ...NOTHING, revision: 2 });
    await eventually('the poll', () => !follower.isBehind || undefined);
    (await store.poll(3)).answer({ ...NOTHING, revision: 3 });
    await read;

    assert.equal(follower.isBehind, false);
  });

  it('tells once that the store is away, and once that it is back; its age goes on meanwhile', async () => {
    const told: string[] = [];
    let fails = 2;
    const store = {
      changesSince: async (seen?: Seen): Promise<Changes> => {
        const revision = seen?.revision ?? 0;
        if (revision === 1 && fails-- > 0) throw new Error('away');
        return { ...NOTHING, revision: revision + 1 };
      },
    };
    await using follower = new Follower({
      store,
      apply: ({ revision }) => told.push(`revision ${revision}`),
      onAway: () => told.push('away'),
      onBack: () => told.push('back'),
      everyMs: NEVER_MS,
      atLeastMs: 0,
    });
    await follower.first;
    const age = follower.ageMs;
    await follower.refresh();
    await follower.refresh();
    assert.ok(follower.ageMs! >= age!); // it was read once
    await follower.refresh();

    assert.deepEqual(told, ['revision 1', 'away', 'revision 2', 'back']);
  });

  it('has no age before it was read', async () => {
    const store = { changesSince: () => Promise.reject(new Error('away')) };
    await using follower = new Follower({ store, ...quiet, everyMs: NEVER_MS });
    await follower.first;

    assert.equal(follower.ageMs, undefined);
  });

  it('leaves nobody waiting when it ends', async () => {
    const store = { changesSince: async () => ({ ...NOTHING, revision: 1 }) };
    const follower = new Follower({ store, ...quiet, everyMs: NEVER_MS });
    await follower.first;
    const refreshed = follower.refresh();

    await follower[Symbol.asyncDispose]();

    assert.equal(await refreshed, false);
    assert.equal(await follower.refresh(), false);
  });
});
