import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Reading, Rings, SLOTS } from '../../../src/serve/status/rings.ts';

const MAX_BYTES = 300_000;

describe('the rings of the last 15 minutes', () => {
  it('give the last readings of each slot, and the failure of a slot that has one', () => {
    const reading = fc.record({
      slot: fc.integer({ min: 1_000, max: 1_000 + 3 * SLOTS }),
      samples: fc.integer({ min: 0, max: 1_000_000 }),
      code: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 200 }), (given) => {
        const rings = new Rings(MAX_BYTES);
        const ring = rings.allocate() ?? -1;
        const model = new Map<number, Reading>();
        let newest = 0;
        for (const { slot, samples, code } of given) {
          const one = { durationSeconds: samples / 4, samples, code };
          rings.write(ring, slot, one);
          const isLate = slot <= newest - SLOTS;
          newest = Math.max(newest, slot);
          const hidesFailure = (model.get(slot)?.code ?? 1) > 1 && code === 1;
          if (!isLate && !hidesFailure) model.set(slot, one);
        }
        const now = newest + 5;

        const read = rings.read(ring, now);

        const wanted = Array.from({ length: SLOTS }, (_, at) => {
          const slot = now - SLOTS + 1 + at;
          return slot > newest - SLOTS ? model.get(slot) : undefined;
        });
        assert.deepEqual(read, wanted);
      }),
    );
  });

  it('never take more bytes than the bound, and forget what a freed ring held', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 2_000 }), (grows) => {
        const rings = new Rings(MAX_BYTES);
        const held: number[] = [];
        for (const one of grows) {
          const ring = one ? rings.allocate() : undefined;
          if (ring !== undefined) {
            assert.ok(!held.includes(ring));
            assert.ok(rings.read(ring, 1_000).every((reading) => reading === undefined));
            rings.write(ring, 1_000, { durationSeconds: 1, samples: 1, code: 1 });
            held.push(ring);
          } else if (!one && held.length > 0) rings.free(held.shift() ?? -1);
          assert.ok(rings.bytes <= MAX_BYTES);
          assert.equal(rings.used, held.length);
        }
      }),
      { numRuns: 30 },
    );
  });
});
