import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Problem } from '../../src/serve/errors.ts';
import { PushRoom } from '../../src/serve/push-room.ts';

describe('PushRoom', () => {
  it('gives one tenant a quarter of the room, and others the rest', () => {
    const room = new PushRoom({ maxBytes: 400, largestBytes: 10 });
    const one = room.take('one');

    one.more(100);

    assert.throws(
      () => one.more(1),
      (error) => error instanceof Problem && error.status === 429,
    );
    for (const tenant of ['two', 'three', 'four']) room.take(tenant).more(100);
    assert.throws(
      () => room.take('five').more(1),
      (error) => error instanceof Problem && error.status === 503,
    );
    one[Symbol.dispose]();
    room.take('five').more(100);
  });

  it('has room for one body of the largest size, decompressed', () => {
    const room = new PushRoom({ maxBytes: 1_000, largestBytes: 400 });

    const taken = room.take('one');
    taken.more(400);
    taken.more(400);

    assert.equal(room.bytes, 800);
  });

  it('never holds more than its bound, and nothing when all are done', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: -50, max: 300 }))),
        (steps) => {
          const room = new PushRoom({ maxBytes: 500, largestBytes: 50 });
          const taken = new Map(['a', 'b', 'c'].map((tenant) => [tenant, room.take(tenant)]));
          const held = new Map<string, number>();
          for (const [tenant, bytes] of steps) {
            const now = held.get(tenant) ?? 0;
            if (now + bytes < 0) continue;
            try {
              taken.get(tenant)?.more(bytes);
              held.set(tenant, now + bytes);
            } catch (error) {
              assert.ok(error instanceof Problem);
            }
            assert.ok(room.bytes <= 500);
            assert.equal(
              room.bytes,
              [...held.values()].reduce((sum, own) => sum + own, 0),
            );
          }
          for (const one of taken.values()) one[Symbol.dispose]();
          assert.equal(room.bytes, 0);
        },
      ),
    );
  });
});
