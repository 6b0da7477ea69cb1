import assert from 'node:assert/strict';
import { watchMemory } from '../../src/assemble/idle-memory.ts';

const MB = 2 ** 20;

interface Look {
  /** What is held when it looks. */
  readonly heldMb: number;
  /** What a collection leaves of it. */
  readonly liveMb: number;
  /** Of the route table. Default: 10. */
  readonly endpoints?: number;
  /** The part of the time in which there was work. Default: 0. */
  readonly utilization?: number;
}

/** Looks one after the other; says at which of them it collected. */
async function watch(looks: readonly Look[], collectionMs = 0): Promise<number[]> {
  const stop = new AbortController();
  const collected: number[] = [];
  let at = -1;
  let nowMs = 0;
  let held = 100;
  await watchMemory({
    signal: stop.signal,
    heldBytes: () => held * MB,
    endpoints: () => looks[at]?.endpoints ?? 10,
    utilization: () => looks[at]?.utilization ?? 0,
    collect: () => {
      collected.push(at);
      held = looks[at]?.liveMb ?? held;
      nowMs += collectionMs;
    },
    onError: (error) => assert.fail(String(error)),
    clock: {
      nowMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
        const look = looks[++at];
        if (look) held = look.heldMb;
        else stop.abort();
      },
    },
  });
  return collected;
}

describe('watchMemory', () => {
  it('collects when a peak is over, once', async () => {
    const after = { heldMb: 500, liveMb: 100 };
    const littleMore = { heldMb: 510, liveMb: 100 };
    const settled = { heldMb: 100, liveMb: 100 };

    assert.deepEqual(await watch([after, littleMore, settled, settled]), [1]);
  });

  it('leaves what grows alone, and what is not much more than before', async () => {
    const looks = [300, 400, 500].map((heldMb) => ({ heldMb, liveMb: 100 }));
    const little = { heldMb: 125, liveMb: 100 };

    assert.deepEqual(await watch(looks), []);
    assert.deepEqual(await watch([little, little, little]), []);
  });

  it('takes what is still there after three collections for what is needed', async () => {
    const needed = { heldMb: 500, liveMb: 500 };

    assert.deepEqual(await watch(Array(8).fill(needed)), [1, 2, 3]);
  });

  it('collects every five minutes at most while there is work, and at once when there is none', async () => {
    const working = { heldMb: 500, liveMb: 100, utilization: 0.5 };
    const looksIn = (minutes: number): (typeof working)[] => Array(minutes * 12).fill(working);
    const idle = { ...working, utilization: 0.05 };

    assert.deepEqual(await watch(looksIn(11)), [1, 61, 121]);
    assert.deepEqual(await watch([...looksIn(1), idle, idle]), [1, 12]);
  });

  it('collects when the route table has shrunk, however long it was in use', async () => {
    const large = { heldMb: 500, liveMb: 500, endpoints: 1000 };
    const shrunk = { heldMb: 500, liveMb: 100 };
    const settled = { heldMb: 100, liveMb: 100 };

    const collected = await watch([...Array(6).fill(large), shrunk, settled, settled]);

    assert.deepEqual(collected, [1, 2, 3, 6]);
  });

  it('collects again when the peak was still in use', async () => {
    const inUse = { heldMb: 500, liveMb: 500 };
    const over = { heldMb: 500, liveMb: 100 };
    const settled = { heldMb: 100, liveMb: 100 };

    assert.deepEqual(await watch([inUse, inUse, over, settled, settled]), [1, 2]);
  });

  it('pauses a thousand times as long as a collection took, but 15 s at most', async () => {
    const looks = Array(12).fill({ heldMb: 500, liveMb: 100 });

    assert.deepEqual(await watch(looks, 10), [1, 3, 5, 7, 9, 11]);
    assert.deepEqual(await watch(looks, 500), [1, 4, 7, 10]);
  });
});
