import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Paced, Pacer } from '../../src/fetch/pacer.ts';

const CHUNK = 65_536;

/** Turns of the event loop, one at a time. */
class Turns {
  #next: (() => void)[] = [];
  readonly schedule = (turn: () => void): void => void this.#next.push(turn);

  get idle(): boolean {
    return this.#next.length === 0;
  }

  run(): void {
    const turns = this.#next;
    this.#next = [];
    for (const turn of turns) turn();
  }
}

function waiter(space: string, onTurn: () => void): Paced {
  return { space, turnCame: onTurn };
}

describe('Pacer', () => {
  it('lets a few chunks in per turn, and makes the others wait for the next', () => {
    const turns = new Turns();
    const pacer = new Pacer(turns.schedule);
    const resumed: number[] = [];

    const went = Array.from({ length: 5 }, (_, at) =>
      pacer.spend(
        CHUNK,
        waiter('space', () => resumed.push(at)),
      ),
    );

    assert.equal(went.filter(Boolean).length, 2);
    turns.run();
    assert.deepEqual(resumed, [2, 3]);
    turns.run();
    assert.deepEqual(resumed, [2, 3, 4]);
    assert.ok(turns.idle);
  });

  it('gives turns to the spaces one after the other', () => {
    const turns = new Turns();
    const pacer = new Pacer(turns.schedule);
    const resumed: string[] = [];
    const spend = (space: string): boolean =>
      pacer.spend(
        CHUNK,
        waiter(space, () => resumed.push(space)),
      );
    for (let n = 0; n < 2; n++) spend('first');

    for (let n = 0; n < 20; n++) spend('many');
    spend('one');
    turns.run();

    assert.ok(resumed.includes('one'), resumed.join(' '));
  });

  it('calls everybody who waits in the end, and then schedules nothing more', () => {
    const sizes = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(3 * CHUNK)));
    fc.assert(
      fc.property(sizes, (spent) => {
        const turns = new Turns();
        const pacer = new Pacer(turns.schedule);
        let waiting = 0;
        for (const [space, bytes] of spent) {
          if (
            !pacer.spend(
              bytes,
              waiter(space, () => waiting--),
            )
          )
            waiting++;
          assert.equal(pacer.waiting, waiting);
        }

        for (let turn = 0; turn <= spent.length && !turns.idle; turn++) turns.run();

        assert.equal(waiting, 0);
        assert.ok(turns.idle);
      }),
    );
  });
});
