/** The memory of ways shuts a way after failures, lets one attempt at a time look, and forgets. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WayMemory } from '../../src/fetch/way-memory.ts';

const MINUTE_MS = 60_000;

function clocked() {
  let nowMs = 0;
  const memory = new WayMemory({ nowMs: () => nowMs });
  const fail = (network: string, times: number): void => {
    for (let at = 0; at < times; at++) memory.failed(network);
  };
  return {
    memory,
    fail,
    pass: (ms: number): void => {
      nowMs += ms;
    },
  };
}

describe('WayMemory', () => {
  it('shuts a way into a network after three failures in a row, and that way alone', () => {
    const { memory, fail } = clocked();

    fail('direct 10.0.1', 2);
    assert.equal(memory.admits('direct 10.0.1'), true);
    memory.reached('direct 10.0.1');
    fail('direct 10.0.1', 2);
    assert.equal(memory.admits('direct 10.0.1'), true);
    fail('direct 10.0.1', 1);

    assert.equal(memory.admits('direct 10.0.1'), false);
    assert.equal(memory.admits('direct 10.0.2'), true);
  });

  it('lets one attempt in a minute look again, and opens at the first answer', () => {
    const { memory, fail, pass } = clocked();
    fail('a', 3);

    pass(MINUTE_MS);
    assert.deepEqual(
      [1, 2, 3].map(() => memory.admits('a')),
      [true, false, false],
    );
    memory.failed('a');
    pass(MINUTE_MS - 1);
    assert.equal(memory.admits('a'), false);
    pass(1);
    assert.equal(memory.admits('a'), true);
    memory.reached('a');

    assert.deepEqual(
      [1, 2, 3].map(() => memory.admits('a')),
      [true, true, true],
    );
    assert.equal(memory.size, 0);
  });

  it('forgets what is old', () => {
    const { memory, fail, pass } = clocked();
    fail('a', 3);

    pass(10 * MINUTE_MS);

    assert.equal(memory.isShut('a'), false);
    fail('a', 2);
    assert.equal(memory.isShut('a'), false);
  });

  it('has a bound, whatever happens', () => {
    const event = fc.record({ network: fc.nat(50).map(String), fails: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const memory = new WayMemory({ nowMs: () => 0, maxNetworks: 8 });
        for (const { network, fails } of events) {
          if (fails) memory.failed(network);
          else memory.reached(network);
          assert.ok(memory.size <= 8);
        }
      }),
    );
  });
});
