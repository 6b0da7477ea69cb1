import assert from 'node:assert/strict';
import type { Ledger } from '../../../src/push/book/ledger.ts';
import {
  counter,
  gauge,
  linesOf,
  openLedger,
  pushOf,
  type TestLedgerOptions,
} from '../../support/pushes.ts';

const NEVER = new AbortController().signal;

interface Timed {
  readonly ledger: Ledger;
  /** Lets time pass, then removes what has lived its time. */
  readonly pass: (ms: number) => Promise<void>;
}

async function openTimed(options: TestLedgerOptions = {}): Promise<Timed> {
  let nowMs = 1_000_000;
  const ledger = await openLedger({ ...options, now: () => nowMs });
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    await ledger.expire(NEVER);
  };
  return { ledger, pass };
}

describe('expiry', () => {
  it('removes a metric once its time is over and a reader has seen its last value', async () => {
    const { ledger, pass } = await openTimed();
    await ledger.push(pushOf([counter('c', 1)], { ttlMs: 1_000 }));

    await pass(500);
    ledger.seen();
    const before = linesOf(ledger);
    await pass(500);

    assert.deepEqual(before, ['c 1']);
    assert.deepEqual(linesOf(ledger), []);
  });

  it('keeps a metric whose last value no reader has seen, for a day', async () => {
    const { ledger, pass } = await openTimed();
    await ledger.push(pushOf([counter('c', 1)], { ttlMs: 1_000 }));

    await pass(80_000_000);
    const unseen = linesOf(ledger);
    await pass(6_400_000);

    assert.deepEqual(unseen, ['c 1']);
    assert.deepEqual(linesOf(ledger), []);
  });

  it('does not take what one tenant has read for what all have read', async () => {
    const { ledger, pass } = await openTimed();
    await ledger.push(pushOf([counter('a', 1)], { tenant: 'app:1', ttlMs: 1_000 }));
    await ledger.push(pushOf([counter('b', 1)], { tenant: 'app:2', ttlMs: 1_000 }));

    await pass(1);
    ledger.seen('app:1');
    await pass(1_000);

    assert.deepEqual(linesOf(ledger), ['b 1']);
  });

  it('does not forget what was seen, when a page ends that began earlier', async () => {
    const { ledger, pass } = await openTimed();
    await ledger.push(pushOf([counter('c', 1)], { ttlMs: 1_000 }));

    ledger.seen(undefined, 1_000_500);
    ledger.seen(undefined, 999_000);
    await pass(1_000);

    assert.deepEqual(linesOf(ledger), []);
  });

  it('begins at 0 again, with a new created time', async () => {
    const { ledger, pass } = await openTimed();
    await ledger.push(pushOf([counter('c', 5)], { ttlMs: 1_000 }));
    await pass(1);
    ledger.seen();
    await pass(1_000);

    await ledger.push(pushOf([counter('c', 2)], { ttlMs: 1_000 }));

    const [family] = ledger.families();
    assert.deepEqual(linesOf(ledger), ['c 2']);
    assert.equal(family?.blocks[0]?.metrics[0]?.createdMs, 1_001_001);
  });

  it('takes the share of a silent source from gauges, and leaves it in counters', async () => {
    const { ledger, pass } = await openTimed();
    const both = [counter('c', 3), gauge('g', 3)];
    await ledger.push(pushOf(both, { source: 'a', gaugeMode: 'sum' }));
    await pass(3_000_000);
    await ledger.push(pushOf(both, { source: 'b', gaugeMode: 'sum' }));

    await pass(1_000_000);

    assert.deepEqual(linesOf(ledger), ['c 6', 'g 3']);
  });

  it('counts a gauge once that goes with its source and whose time is over', async () => {
    const { ledger, pass } = await openTimed();
    await ledger.push(pushOf([gauge('g', 1)], { source: 'a', gaugeMode: 'sum', ttlMs: 1_000 }));
    ledger.seen(undefined, 1_000_001);

    await pass(3_600_000);

    assert.deepEqual(linesOf(ledger), []);
    assert.equal(ledger.seriesCount, 0);
  });

  it('keeps the source that is heard while silent ones are removed', async () => {
    let nowMs = 1_000_000;
    let isRunning = false;
    const push = (source: string) =>
      ledger.push(pushOf([gauge('g', 3)], { source, gaugeMode: 'sum' }));
    const pace = async (): Promise<void> => {
      if (!isRunning) return;
      isRunning = false;
      await push('b');
    };
    const ledger = await openLedger({ now: () => nowMs, pace });
    for (const source of ['a', 'b']) await push(source);
    nowMs += 3_600_000;

    isRunning = true;
    await ledger.expire(NEVER);

    assert.deepEqual(linesOf(ledger), ['g 3']);
  });

  it('counts a source that was forgotten from 0 again', async () => {
    const { ledger, pass } = await openTimed();
    await ledger.push(pushOf([counter('c', 3)], { source: 'a' }));
    await pass(3_600_000);

    await ledger.push(pushOf([counter('c', 4)], { source: 'a' }));

    assert.deepEqual(linesOf(ledger), ['c 7']);
  });

  it('lets pushes without a source leave a gauge when they are older than its time', async () => {
    const { ledger, pass } = await openTimed();
    const push = (value: number) =>
      ledger.push(pushOf([gauge('g', value)], { gaugeMode: 'sum', ttlMs: 1_600 }));
    await push(1);
    await pass(800);
    await push(2);
    ledger.seen();
    await pass(1);
    ledger.seen();

    await pass(900);

    assert.deepEqual(linesOf(ledger), ['g 2']);
  });

  it('forgets idempotency keys after their time', async () => {
    const { ledger, pass } = await openTimed({ bounds: { keyTtlMs: 1_000 } });
    const push = pushOf([counter('c', 1)], { id: { key: 'k', hash: 'h' } });
    await ledger.push(push);
    await pass(1_001);

    await ledger.push(push);

    assert.deepEqual(linesOf(ledger), ['c 2']);
  });

  it('keeps no more idempotency keys than it may', async () => {
    const { ledger } = await openTimed({ bounds: { keys: 2 } });
    const push = (key: string) =>
      ledger.push(pushOf([counter('c', 1)], { id: { key, hash: 'h' } }));
    for (const key of ['a', 'b', 'c']) await push(key);

    await push('c');
    const kept = linesOf(ledger);
    await push('a');

    assert.deepEqual(kept, ['c 3']);
    assert.deepEqual(linesOf(ledger), ['c 4']);
  });

  it('keeps groups of replace mode without a time to live', async () => {
    const { ledger, pass } = await openTimed();
    await ledger.push(pushOf([counter('c', 1)], { mode: 'replace', path: { job: 'j' } }));
    ledger.seen();

    await pass(1_000_000_000);

    assert.equal(linesOf(ledger).length, 3);
  });
});
