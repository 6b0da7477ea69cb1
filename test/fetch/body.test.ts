import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Body, firstBytes } from '../../src/fetch/body.ts';
import { Budget } from '../../src/fetch/budget.ts';
import type { Lease } from '../../src/fetch/lease.ts';

/** A body that is fed chunk by chunk, and waits when it has to. */
async function collect(
  chunks: readonly Buffer[],
  budget: Budget,
  lease: Lease,
  { maxBytes = 1_000_000, expected = -1 } = {},
): Promise<{ readonly body: Buffer; readonly accounted: number } | string> {
  const { promise: refused, resolve: refuse } = Promise.withResolvers<'refused'>();
  let go: () => void = () => undefined;
  const account = budget.open(lease, 's', {
    bytesGranted: () => go(),
    bytesRefused: () => refuse('refused'),
  });
  const granted = () =>
    new Promise<'granted'>((resolve) => {
      go = () => resolve('granted');
    });
  const first = granted();
  const room = budget.grow(account, firstBytes(maxBytes, budget));
  if (
    room === 'refused' ||
    (room === 'waiting' && (await Promise.race([first, refused])) === 'refused')
  ) {
    return 'refused';
  }
  const body = new Body({ maxBytes, budget, account });
  if (expected >= 0) body.expect(expected);
  for (const chunk of chunks) {
    let next = granted();
    for (let added = body.add(chunk); added !== 'added'; ) {
      if (added !== 'waiting') {
        budget.close(account);
        return added;
      }
      body.add(Buffer.alloc(0)); // one more may come when it should wait
      if ((await Promise.race([next, refused])) === 'refused') return 'refused';
      next = granted();
      added = body.granted();
    }
  }
  let finished = body.finish();
  for (let steps = 0; finished === undefined; steps++) {
    assert.ok(steps < 100);
    finished = body.finish();
  }
  return { body: finished, accounted: account.bytes };
}

describe('Body', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 300_000 }));
  const sizes = fc.array(size, { maxLength: 30, size: 'max' });

  it('is what came, however it was cut, and accounts for its buffer, of which an eighth may be unused', async () => {
    const expectation = fc.option(fc.integer({ min: -1, max: 6_000_000 }), { nil: -1 });
    await fc.assert(
      fc.asyncProperty(sizes, expectation, async (lengths, expected) => {
        const chunks = lengths.map((length, i) => Buffer.alloc(length, i + 1));
        const budget = new Budget({ maxBytes: 20_000_000 });
        using lease = budget.lease();

        const got = await collect(chunks, budget, lease, { expected, maxBytes: 9_000_000 });

        assert.ok(typeof got === 'object');
        assert.ok(got.body.equals(Buffer.concat(chunks)));
        const { byteLength } = got.body.buffer;
        assert.ok(got.accounted >= got.body.length + 16 && got.accounted <= byteLength);
        assert.ok(byteLength <= Math.max(got.accounted * 1.125, got.accounted + 1_024));
        assert.ok(got.accounted <= (got.body.length + 16) * 1.13);
        assert.equal(budget.usedBytes, got.accounted);
      }),
      { numRuns: 300 },
    );
  });

  it('is full at one byte more than it may have', async () => {
    for (const length of [99_999, 100_000, 100_001]) {
      const chunks = [Buffer.alloc(50_000), Buffer.alloc(length - 50_000)];
      const budget = new Budget({ maxBytes: 1_000_000 });
      using lease = budget.lease();

      const got = await collect(chunks, budget, lease, { maxBytes: 100_000 });

      assert.equal(got === 'full', length > 100_000);
    }
  });

  it('comes out whole, or not at all, where several share too small a budget', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 6 }), async (bodies) => {
        const budget = new Budget({ maxBytes: 1_000_000 });
        await Promise.all(
          bodies.map(async (lengths, i) => {
            using lease = budget.lease();
            const chunks = lengths.map((length) => Buffer.alloc(length, i + 1));
            const got = await collect(chunks, budget, lease);
            budget.fetched(lease);
            assert.ok(budget.usedBytes <= 1_000_000);
            if (typeof got === 'object') assert.ok(got.body.equals(Buffer.concat(chunks)));
            await new Promise((resolve) => setImmediate(resolve));
          }),
        );
        assert.equal(budget.usedBytes, 0);
      }),
      { numRuns: 200 },
    );
  });
});
