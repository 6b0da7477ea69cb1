import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Batch } from '../../../src/push/send/remote-write-batch.ts';
import { MemoryBatches } from '../../../src/push/send/remote-write-memory.ts';
import { BatchQueue, type QueueOptions } from '../../../src/push/send/remote-write-queue.ts';
import type { BatchStore } from '../../../src/push/send/remote-write-store.ts';

function batchAt(atMs: number, job = 'a'): Batch {
  const family = { type: 'counter', help: '', unit: '' } as const;
  const labels = ['__name__', 'jobs_total', 'job', job];
  return { atMs, samples: [{ labels, family, value: atMs, createdMs: 0 }] };
}

function open(options: Partial<QueueOptions> = {}) {
  const lines: string[] = [];
  const queue = new BatchQueue({
    store: new MemoryBatches(),
    maxBytes: 2 ** 20,
    onDropped: (samples, cause) => lines.push(`dropped ${samples} ${cause}`),
    onError: (error) => lines.push(`error ${error}`),
    ...options,
  });
  return { queue, lines };
}

/** A store that fails while it is told to. */
class FailingStore extends MemoryBatches {
  isBroken = true;

  override async append(batches: Parameters<BatchStore['append']>[0]): Promise<void> {
    if (this.isBroken) throw new Error('disk full');
    await super.append(batches);
  }
}

async function takeAll(queue: BatchQueue, lane = 0): Promise<number[]> {
  const times: number[] = [];
  for (let taken = await queue.take(lane); taken; taken = await queue.take(lane)) {
    times.push(taken.batch.atMs);
    await taken.done();
  }
  return times;
}

describe('BatchQueue', () => {
  it('gives the batches of each lane in their order, whatever happens to them', async () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant('push' as const), lane: fc.nat(2) }),
      fc.record({ op: fc.constant('pack' as const) }),
      fc.record({ op: fc.constant('take' as const), lane: fc.nat(2) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { queue, lines } = open();
        const given: number[][] = [[], [], []];
        const waiting: number[][] = [[], [], []];
        let atMs = 0;
        for (const one of steps) {
          if (one.op === 'push') {
            atMs += 1;
            queue.push(one.lane, batchAt(atMs));
            waiting[one.lane]!.push(atMs);
          } else if (one.op === 'pack') await queue.pack();
          else {
            const taken = await queue.take(one.lane);
            if (taken) given[one.lane]!.push(taken.batch.atMs);
            await taken?.done();
          }
        }
        for (const lane of [0, 1, 2]) given[lane]!.push(...(await takeAll(queue, lane)));
        assert.deepEqual(given, waiting);
        assert.deepEqual([queue.isEmpty, queue.bytes, queue.oldestMs], [true, 0, undefined]);
        assert.deepEqual(lines, []);
      }),
    );
  });

  it('never has more than its bound after packing', async () => {
    const bounds = fc.record({
      maxBytes: fc.integer({ min: 300, max: 3000 }),
      counts: fc.array(fc.nat(5), { maxLength: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(bounds, async ({ maxBytes, counts }) => {
        const store = new MemoryBatches();
        const { queue, lines } = open({ store, maxBytes });
        let pushed = 0;
        for (const count of counts) {
          for (let i = 0; i < count; i++) queue.push(0, batchAt(++pushed, `${pushed}`));
          await queue.pack();
          assert.ok(store.level.bytes <= maxBytes);
        }
        const left = await takeAll(queue);
        assert.equal(left.length + lines.length, pushed);
        assert.deepEqual(
          left,
          left.toSorted((a, b) => a - b),
        ); // the newest ones
        assert.equal(left.at(-1) ?? pushed, pushed);
      }),
    );
  });

  it('tells the batch in hand when newer ones had to go', async () => {
    const { queue, lines } = open({ maxBytes: 250 });
    queue.push(0, batchAt(1));
    const taken = await queue.take(0);
    for (const atMs of [2, 3, 4]) queue.push(0, batchAt(atMs));
    await queue.pack();
    assert.equal(taken?.signal.aborted, true);
    await taken?.putBack(taken.batch);

    assert.deepEqual(lines.at(-1), 'dropped 1 queue_full');
    assert.equal(queue.oldestMs === 1, false);
  });

  it('keeps what a store cannot take until it can', async () => {
    const store = new FailingStore();
    const { queue, lines } = open({ store });
    for (const atMs of [1, 2, 3]) queue.push(0, batchAt(atMs));
    await queue.pack();
    assert.deepEqual(lines, ['error Error: disk full']);
    queue.push(0, batchAt(4));
    store.isBroken = false;
    await queue.pack();

    assert.equal(store.level.batches, 4);
    assert.deepEqual(await takeAll(queue), [1, 2, 3, 4]);
  });

  it('bounds what it keeps while a store fails', async () => {
    const { queue, lines } = open({ store: new FailingStore(), maxBytes: 1000 });
    for (let atMs = 1; atMs <= 100; atMs++) {
      queue.push(0, batchAt(atMs));
      await queue.pack();
      assert.ok(queue.bytes <= 1000);
    }

    assert.equal((await takeAll(queue)).at(-1), 100);
    assert.ok(lines.includes('dropped 1 queue_error'));
  });
});
