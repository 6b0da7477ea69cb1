import assert from 'node:assert/strict';
import fc from 'fast-check';
import { InFlight, type Place } from '../src/in-flight.ts';

describe('InFlight', () => {
  it('holds what was added and not removed, like a set', () => {
    const step = fc.oneof(fc.constant('add' as const), fc.nat({ max: 30 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const held = new InFlight<number>();
        const expected = new Set<number>();
        const places: Place<number>[] = [];
        for (const [item, what] of steps.entries()) {
          if (what === 'add') {
            places.push(held.add(item));
            expected.add(item);
          } else if (places.length > 0) {
            const place = places[what % places.length]!;
            held.remove(place);
            expected.delete(place.item);
          }
          assert.equal(held.size, expected.size);
          assert.deepEqual([...held].sort(byNumber), [...expected].sort(byNumber));
        }
      }),
    );
  });

  it('shows each of those that were there, though they end meanwhile', () => {
    const held = new InFlight<string>();
    const places = ['a', 'b', 'c'].map((item) => held.add(item));
    const seen: string[] = [];
    for (const item of held) {
      seen.push(item);
      for (const place of places) held.remove(place);
    }
    assert.deepEqual(seen, ['a', 'b', 'c']);
    assert.equal(held.size, 0);
  });
});

function byNumber(left: number, right: number): number {
  return left - right;
}
