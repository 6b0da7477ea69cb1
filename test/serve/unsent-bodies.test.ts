import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UnsentBodies, type UnsentBody } from '../../src/serve/unsent-bodies.ts';

describe('UnsentBodies', () => {
  it('cuts off who has been at it longest, beyond the bound', () => {
    const bodies = new UnsentBodies(250);
    const cut: number[] = [];
    const take = (name: number): UnsentBody => {
      const reader = bodies.take(Buffer.alloc(100));
      reader.onRevoked(() => cut.push(name));
      return reader;
    };

    const readers = [1, 2, 3, 4].map(take);
    assert.deepEqual(cut, [1, 2]);
    readers[2]?.[Symbol.dispose]();
    take(5);

    assert.deepEqual(cut, [1, 2]);
    assert.equal(bodies.bytes, 200);
  });

  it('counts the bytes of a body once, however many take it', () => {
    const bodies = new UnsentBodies(250);
    const body = Buffer.alloc(200);

    const readers = Array.from({ length: 10 }, () => bodies.take(body));
    assert.equal(bodies.bytes, 200);
    for (const reader of readers) reader[Symbol.dispose]();
    readers[0]?.[Symbol.dispose]();

    assert.equal(bodies.bytes, 0);
  });

  it('never counts more than its bound and the newest body, and ends at 0', () => {
    const step = fc.record({ size: fc.integer({ min: 0, max: 300 }), ends: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bodies = new UnsentBodies(500);
        const readers: UnsentBody[] = [];
        for (const { size, ends } of steps) {
          readers.push(bodies.take(Buffer.alloc(size)));
          assert.ok(bodies.bytes <= 500 + size);
          readers[ends]?.[Symbol.dispose]();
        }
        for (const reader of readers) reader[Symbol.dispose]();
        assert.equal(bodies.bytes, 0);
      }),
    );
  });
});
