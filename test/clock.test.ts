import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { Turns } from '../src/clock.ts';

/** Does nothing useful for so long. */
function work(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

async function turnsUntil(over: () => boolean): Promise<number> {
  let turns = 0;
  for (; !over(); turns++) await setImmediate();
  return turns;
}

describe('Turns', () => {
  it('runs a few at once, without a wait', () => {
    const turns = new Turns();
    let ran = 0;

    for (let n = 0; n < 5; n++) turns.run(() => ran++);

    assert.equal(ran, 5);
    assert.equal(turns.waiting, 0);
  });

  it('lets all else run between, also between what those who ran have caused', async () => {
    const turns = new Turns();
    const order: number[] = [];
    for (let n = 0; n < 40; n++) {
      turns.run(() => {
        order.push(n);
        void Promise.resolve().then(() => work(2));
      });
    }

    const others = await turnsUntil(() => order.length === 40);

    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
    assert.ok(others >= 10, `${others} turns of the event loop for 64 ms of work`);
  });

  it('forgets who gives up waiting', async () => {
    const turns = new Turns();
    const ran: string[] = [];
    for (let n = 0; n < 20; n++) turns.run(() => ran.push('first'));
    const late = (): unknown => ran.push('late');
    turns.run(late);

    turns.drop(late);
    await turnsUntil(() => turns.waiting === 0);

    assert.ok(!ran.includes('late'));
  });
});
