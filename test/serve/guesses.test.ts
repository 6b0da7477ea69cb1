import assert from 'node:assert/strict';
import { FREE_TRIES, Guesses } from '../../src/serve/guesses.ts';

const { signal } = new AbortController();

/** Time stands still but where a test moves it; waits are noted and end when `letGo` is called. */
function clocked() {
  let nowMs = 0;
  const waits: number[] = [];
  const released = Promise.withResolvers<void>();
  const guesses = new Guesses({
    now: () => nowMs,
    wait: (ms) => {
      waits.push(ms);
      return released.promise;
    },
  });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { guesses, waits, pass, letGo: () => released.resolve() };
}

const tries = async (guesses: Guesses, address: string, count: number): Promise<void> => {
  for (let i = 0; i < count; i += 1) await guesses.wrong(address, signal);
};

describe('Guesses', () => {
  it('lets whoever is wrong for the eleventh time in a minute wait, and nobody else', async () => {
    const { guesses, waits, letGo } = clocked();
    await tries(guesses, '192.0.2.1', FREE_TRIES);
    assert.deepEqual(waits, []);

    const late = guesses.wrong('192.0.2.1', signal);
    assert.equal(waits.length, 1);
    assert.ok(waits[0]! >= 1000);
    await tries(guesses, '192.0.2.2', FREE_TRIES);
    assert.equal(waits.length, 1);

    letGo();
    assert.equal(await late, FREE_TRIES + 1);
  });

  it('forgets when the minute is over', async () => {
    const { guesses, waits, pass } = clocked();
    await tries(guesses, '192.0.2.1', FREE_TRIES);

    pass(60_000);
    await tries(guesses, '192.0.2.1', FREE_TRIES);

    assert.deepEqual(waits, []);
  });

  it('takes an IPv6 network for one address, and a mapped address for the IPv4 one', async () => {
    for (const [one, other] of [
      ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2'],
      ['2001:0db8::1', '2001:db8:0:0:1::1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
    ] as const) {
      const { guesses, waits } = clocked();
      await tries(guesses, one, FREE_TRIES);
      void guesses.wrong(other, signal);
      assert.equal(waits.length, 1, one);
    }
    const { guesses, waits } = clocked();
    await tries(guesses, '2001:db8:1:2::1', FREE_TRIES);
    void guesses.wrong('2001:db8:1:3::1', signal);
    assert.deepEqual(waits, []);
  });

  it('remembers a bounded number of addresses, the oldest least', async () => {
    const { guesses, waits } = clocked();
    await tries(guesses, 'first', FREE_TRIES);
    for (let i = 0; i < 12_000; i += 1) await guesses.wrong(`address ${i}`, signal);

    assert.ok(guesses.size <= 10_000);
    await guesses.wrong('first', signal);
    assert.deepEqual(waits, []);
  });

  it('keeps a bounded number of answers waiting', async () => {
    const { guesses, waits, letGo } = clocked();
    await tries(guesses, '192.0.2.1', FREE_TRIES);
    const late = Array.from({ length: 1000 }, () => guesses.wrong('192.0.2.1', signal));

    assert.equal(waits.length, 256);
    letGo();
    await Promise.all(late);
    void guesses.wrong('192.0.2.1', signal);
    assert.equal(waits.length, 257);
  });
});
