/**
 * A reader of changes misses none, whatever is done, and by however many at once.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { BindingStore } from '../../broker/binding-store.ts';
import { MemoryBindingStore } from '../support/memory-store.ts';
import type { Place } from './binding-store.contract.ts';
import { bindingOf, instanceOf } from './bindings.ts';
import { Reader } from './reader.ts';

type Step =
  | { readonly kind: 'put-instance' | 'delete-instance'; readonly instance: string }
  | {
      readonly kind: 'put' | 'delete';
      readonly instance: string;
      readonly binding: string;
    };

const instance = fc.constantFrom('i', 'I', 'i ');
const binding = fc.constantFrom('b', 'B', 'b ', 'c', '😀');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('put-instance' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete-instance' as const), instance }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('put' as const), instance, binding }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('delete' as const), instance, binding }) },
);

/** Few, so that some readers are told everything anew. */
const OPTIONS = { maxTombstones: 3 };

export function itTellsReadersEverything(place: () => Promise<Place>): void {
  it('answers like a store in memory, and tells readers at any time what that one holds', async () => {
    await using database = await place();
    const replicas = [await database.open(OPTIONS), await database.open(OPTIONS)];
    const turn = fc.record({ step, replica: fc.nat(1), isRead: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 40 }), async (turns) => {
        await clear(replicas[0]!); // two above
        const model = new MemoryBindingStore(OPTIONS);
        const readers = replicas.map((store) => new Reader(store));
        const expected = new Reader(model);
        for (const { step, replica, isRead } of turns) {
          const given = await take(replicas[replica]!, step); // 0 or 1
          assert.deepEqual(given, await take(model, step));
          if (isRead) await readers[replica]?.read();
        }
        for (const reader of [expected, ...readers]) await reader.read();
        for (const { bindings } of readers) {
          assert.deepEqual(bindings.map(unnumbered), expected.bindings.map(unnumbered));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('tells readers everything while two replicas change it at once', async () => {
    await using database = await place();
    const replicas = [await database.open(OPTIONS), await database.open(OPTIONS)];
    const steps = fc.array(step, { minLength: 5, maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(steps, steps, async (one, other) => {
        await clear(replicas[0]!); // two above
        const readers = replicas.map((store) => new Reader(store));
        const reading = new AbortController();
        const reads = readers.map(async (reader) => {
          while (!reading.signal.aborted) await reader.read();
        });
        await Promise.all(
          [one, other].map(async (steps, index) => {
            for (const step of steps) await take(replicas[index]!, step); // two lists
          }),
        );
        reading.abort();
        await Promise.all(reads);
        for (const reader of readers) await reader.read();
        const all = (await replicas[0]!.changesSince()).bindings; // two above
        for (const { bindings } of readers) assert.deepEqual(bindings, all);
        const revisions = all.map(({ revision }) => revision);
        assert.equal(new Set(revisions).size, revisions.length);
        for (const { instanceId } of all) assert.ok(await replicas[1]?.instance(instanceId));
      }),
      { numRuns: 10 },
    );
  });
}

async function clear(store: BindingStore): Promise<void> {
  for (const id of ['i', 'I', 'i ']) await store.deleteInstance(id);
}

/** @returns what the store says, without revisions: their numbers are its own affair */
async function take(store: BindingStore, step: Step): Promise<unknown> {
  switch (step.kind) {
    case 'put-instance':
      return store.putInstance(instanceOf(step.instance));
    case 'delete-instance':
      return store.deleteInstance(step.instance);
    case 'put': {
      const put = await store.putBinding(bindingOf(step.instance, step.binding));
      return put && { created: put.created, binding: unnumbered(put.binding) };
    }
    case 'delete':
      return store.deleteBinding(step.instance, step.binding);
  }
}

function unnumbered<T extends { readonly revision: number }>(binding: T): Omit<T, 'revision'> {
  const { revision: _, ...rest } = binding;
  return rest;
}
