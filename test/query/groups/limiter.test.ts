import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Limiter } from '../../../src/query/groups/limiter.ts';

const NEVER = new AbortController().signal;

describe('a limiter', () => {
  it('lets so many in, and the next ones in the order in which they came', async () => {
    const limiter = new Limiter(2);
    const entered: number[] = [];
    const enter = (nth: number) =>
      limiter.enter(NEVER).then((leave) => {
        entered.push(nth);
        return leave;
      });
    const places = [0, 1, 2, 3].map(enter);
    const [first, second] = await Promise.all(places.slice(0, 2));

    assert.equal(limiter.waiting, 2);
    first!();
    first!();
    await places[2];
    assert.deepEqual(entered, [0, 1, 2]);
    second!();
    await places[3];
    assert.deepEqual(entered, [0, 1, 2, 3]);
  });

  it('forgets who leaves the line', async () => {
    const limiter = new Limiter(1);
    const leave = await limiter.enter(NEVER);
    const reader = new AbortController();
    const waiting = limiter.enter(reader.signal);

    reader.abort(new Error('gone'));

    await assert.rejects(waiting, /gone/);
    assert.equal(limiter.waiting, 0);
    leave();
    await limiter.enter(NEVER);
  });

  it('never has more inside than places, whatever happens', async () => {
    const step = fc.constantFrom('enter', 'leave', 'give up');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const limiter = new Limiter(3);
        const inside: (() => void)[] = [];
        const line: AbortController[] = [];
        for (const one of steps) {
          if (one === 'enter') {
            const reader = new AbortController();
            line.push(reader);
            limiter.enter(reader.signal).then(
              (leave) => inside.push(leave),
              () => undefined,
            );
          } else if (one === 'leave') inside.shift()?.();
          else line.pop()?.abort();
          await new Promise(setImmediate);
          assert.ok(inside.length <= 3);
        }
      }),
      { numRuns: 30 },
    );
  });
});
