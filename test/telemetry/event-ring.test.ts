import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EventRing } from '../../src/telemetry/event-ring.ts';
import { type RequestEvent, sizeOf } from '../../src/telemetry/request-event.ts';

const EVENT: RequestEvent = {
  ...{ atMs: 0, method: 'GET', path: '/', status: 200, cache: 'MISS' },
  ...{ durationMs: 1, bytes: 1, origin: undefined },
};
const BOUNDS = { maxEvents: 7, maxBytes: 3000 };

type Step =
  | { readonly kind: 'push'; readonly length: number }
  | { readonly kind: 'remove'; readonly count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('push' as const), length: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), count: fc.nat(7) }) },
);

describe('EventRing', () => {
  it('exceeds no bound, and keeps order and size, whatever is done', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const ring = new EventRing(BOUNDS);
        const model: RequestEvent[] = [];
        steps.forEach((one, index) => {
          if (one.kind === 'push') {
            const event = { ...EVENT, path: 'x'.repeat(one.length), status: index };
            const bytes = model.reduce((sum, known) => sum + sizeOf(known), sizeOf(event));
            const fits = model.length < BOUNDS.maxEvents && bytes <= BOUNDS.maxBytes;
            assert.equal(ring.push(event), fits);
            if (fits) model.push(event);
          } else {
            const count = Math.min(one.count, model.length);
            ring.remove(count);
            model.splice(0, count);
          }
          assert.ok(ring.length <= BOUNDS.maxEvents && ring.bytes <= BOUNDS.maxBytes);
          assert.deepEqual(ring.first({ maxEvents: 100, maxBytes: 1e9 }), model);
          assert.equal(
            ring.bytes,
            model.reduce((sum, known) => sum + sizeOf(known), 0),
          );
        });
      }),
    );
  });

  it('gives batches within the bounds of a batch, but at least one event', () => {
    const ring = new EventRing(BOUNDS);
    for (let index = 0; index < 4; index += 1) ring.push({ ...EVENT, status: index });
    const statuses = (maxEvents: number, maxBytes: number) =>
      ring.first({ maxEvents, maxBytes }).map(({ status }) => status);

    assert.deepEqual(statuses(3, 1e9), [0, 1, 2]);
    assert.deepEqual(statuses(3, 2 * sizeOf(EVENT)), [0, 1]);
    assert.deepEqual(statuses(3, 1), [0]);
    assert.deepEqual(new EventRing(BOUNDS).first({ maxEvents: 3, maxBytes: 1e9 }), []);
  });
});
