import assert from 'node:assert/strict';
import fc from 'fast-check';
import { QueryGate, type QueryGateOptions } from '../../../src/serve/query/gate.ts';
import { QueryError } from '../../../src/serve/query-errors.ts';

const gateOf = (options: QueryGateOptions) => new QueryGate(() => options);
const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('QueryGate', () => {
  it('lets queries beyond the bound wait for their turn', async () => {
    const gate = gateOf({ maxConcurrent: 1, maxQueued: 1 });
    const first = await gate.enter('', never);
    let entered = false;
    const second = gate.enter('', never).then((handle) => {
      entered = true;
      return handle;
    });
    await settled();
    assert.deepEqual([entered, gate.running, gate.queued], [false, 1, 1]);

    first[Symbol.dispose]();
    (await second)[Symbol.dispose]();

    assert.deepEqual([gate.running, gate.queued], [0, 0]);
  });

  it('refuses a query when too many wait, and names the bounds', async () => {
    const gate = gateOf({ maxConcurrent: 1, maxQueued: 0 });
    await gate.enter('', never);

    await assert.rejects(gate.enter('', never), (error: QueryError) => {
      assert.equal(error.type, 'overloaded');
      assert.match(error.message, /query\.max_concurrent: 1.*query\.max_queued: 0/);
      return true;
    });
  });

  it('keeps half of the places from one tenant', async () => {
    const gate = gateOf({ maxConcurrent: 4, maxQueued: 4 });
    await gate.enter('a', never);
    await gate.enter('a', never);
    void gate.enter('a', never);
    void gate.enter('a', never);

    await gate.enter('b', never);

    assert.deepEqual([gate.running, gate.queued], [3, 2]);
    await assert.rejects(gate.enter('a', never), { type: 'overloaded' });
  });

  it('gives the next place to another tenant in turn', async () => {
    const gate = gateOf({ maxConcurrent: 1, maxQueued: 8 });
    const order: string[] = [];
    const first = await gate.enter('', never);
    const all = ['a', 'a', 'b'].map(async (tenant) => {
      using _ = await gate.enter(tenant, never);
      order.push(tenant);
    });

    first[Symbol.dispose]();
    await Promise.all(all);

    assert.deepEqual(order, ['a', 'b', 'a']);
  });

  it('ends the wait of a query whose deadline comes, or whose reader leaves', async () => {
    const gate = gateOf({ maxConcurrent: 1, maxQueued: 8 });
    await gate.enter('', never);
    const late = new AbortController();
    const left = new AbortController();
    const waits = [gate.enter('', late.signal), gate.enter('', left.signal)];

    late.abort(new DOMException('late', 'TimeoutError'));
    left.abort(new DOMException('left', 'AbortError'));

    await assert.rejects(waits[0]!, { type: 'timeout', message: 'query timed out in query queue' });
    await assert.rejects(waits[1]!, { type: 'canceled' });
    assert.equal(gate.queued, 0);
  });

  it('never runs or keeps more than its bounds, and ends empty', async () => {
    const step = fc.record({ tenant: fc.constantFrom('', 'a', 'b', 'c'), leaves: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const gate = gateOf({ maxConcurrent: 3, maxQueued: 5 });
        const open: Disposable[] = [];
        const stops: AbortController[] = [];
        const entering: Promise<unknown>[] = [];
        for (const { tenant, leaves } of steps) {
          const stop = new AbortController();
          stops.push(stop);
          entering.push(
            gate.enter(tenant, stop.signal).then(
              (handle) => open.push(handle),
              (error: unknown) => assert.ok(error instanceof QueryError),
            ),
          );
          if (leaves) {
            open.shift()?.[Symbol.dispose]();
            stops.shift()?.abort();
          }
          await settled();
          assert.ok(gate.running <= 3 && gate.queued <= 5);
        }
        for (const stop of stops) stop.abort();
        await Promise.all(entering);
        for (const handle of open) handle[Symbol.dispose]();
        assert.deepEqual([gate.running, gate.queued], [0, 0]);
      }),
      { numRuns: 50 },
    );
  });
});
