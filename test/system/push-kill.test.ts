/** No push that promgate has answered is lost or counted twice, whenever it is killed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { every } from '../../src/clock.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';

const PUSHES = 10_000;
const CONNECTIONS = 16;
const BATCHES = 50;
const KILLS = 10;

/** What is configured. */
interface SiegeValues {
  readonly push: { readonly durability: 'disk' | 'shared'; readonly file?: string };
  readonly redis?: { readonly url: string };
}

/** Pushes that are sent until each has an answer, and a promgate that is killed meanwhile. */
class Siege {
  readonly #values: Readonly<Record<string, unknown>>;
  #promgate: Promise<PromgateProcess>;
  /** Numbers of pushes that have been answered. */
  readonly answered = new Set<number>();
  #untilKill: number[];
  #isOver = false;

  constructor({ push, ...values }: SiegeValues, killAfter: readonly number[]) {
    this.#values = { ...values, push: { ...push, limits: { pushes_per_second: 1_000_000 } } };
    this.#untilKill = [...killAfter];
    this.#promgate = this.#start();
  }

  async pushAll(): Promise<void> {
    let next = 0;
    const connection = async (): Promise<void> => {
      while (next < PUSHES) await this.#pushUntilAnswered(next++);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  }

  /** Sends all pushes once more. @returns how many of the answers say that the push was there */
  async replayAll(): Promise<number> {
    const { url } = await this.#promgate;
    let [next, replays] = [0, 0];
    const connection = async (): Promise<void> => {
      while (next < PUSHES) {
        const answer = await push(url, next++);
        if (answer.headers.get('Idempotent-Replay') === 'true') replays += 1;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
    return replays;
  }

  async kill(): Promise<void> {
    const killed = this.#promgate;
    this.#promgate = killed.then(async (promgate) => {
      await promgate[Symbol.asyncDispose](); // by SIGKILL
      return this.#start();
    });
    await this.#promgate;
  }

  async page(): Promise<string[]> {
    const text = await (await this.#promgate).text('/push/metrics');
    return text.split('\n').filter((line) => line.startsWith('pushed_'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    const promgate = await this.#promgate.catch(() => undefined); // the test has failed by it
    await promgate?.[Symbol.asyncDispose]();
  }

  #start(): Promise<PromgateProcess> {
    return startPromgateProcess({ values: this.#values });
  }

  async #pushUntilAnswered(number: number): Promise<void> {
    for (;;) {
      if (this.#isOver) throw new Error('the test is over');
      const { url } = await this.#promgate;
      try {
        const answer = await push(url, number);
        if (answer.status !== 503) break; // what was kept may still be on its way into memory
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // `fetch` says so of a broken connection
      }
    }
    this.answered.add(number);
    const killAt = this.#untilKill[0];
    if (killAt === undefined || this.answered.size < killAt) return;
    this.#untilKill.shift();
    await this.kill();
  }
}

/** @throws {Error} unless the answer says that the push is kept, or is to be sent again */
async function push(url: string, number: number): Promise<Response> {
  const batch = number % BATCHES;
  const answer = await fetch(`${url}/push/metrics`, {
    method: 'POST',
    headers: { 'Idempotency-Key': `push-${number}` },
    body: [
      '# TYPE pushed_total counter',
      `pushed_total{batch="${batch}"} 1`,
      '# TYPE pushed_numbers summary',
      `pushed_numbers_sum{batch="${batch}"} ${number}`,
      `pushed_numbers_count{batch="${batch}"} 1`,
      '',
    ].join('\n'),
  });
  const text = await answer.text();
  if (answer.status === 503) return answer;
  assert.equal(answer.status, 200, text);
  assert.match(answer.headers.get('X-Durability') ?? '', /^(?:disk|shared)$/);
  return answer;
}

/** What the page says when each push was counted once. */
function expectedLines(): string[] {
  const lines = Array.from({ length: BATCHES }, (_, batch) => {
    const count = PUSHES / BATCHES;
    const sum = count * batch + (BATCHES * count * (count - 1)) / 2;
    return [
      `pushed_total{batch="${batch}"} ${count}`,
      `pushed_numbers_sum{batch="${batch}"} ${sum}`,
      `pushed_numbers_count{batch="${batch}"} ${count}`,
    ];
  });
  return lines.flat().sort();
}

describe('pushes while promgate is killed', function () {
  this.timeout(2 * SLOW_MS); // it starts promgate twelve times

  it('are each counted once, and known again one by one', async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-kill-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const values: SiegeValues = {
      push: { durability: 'disk', file: path.join(folder, 'push.db') },
    };

    await assertCountedOnce(values);
  });

  it('are each counted once in Redis, which is frozen and killed meanwhile, too', async function () {
    const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
    await using redis = await startRedisServer(this, { args });
    const values: SiegeValues = { push: { durability: 'shared' }, redis: { url: redis.url } };
    const over = new AbortController();
    const failing = every(2_000, () => failOnce(redis), {
      ...{ signal: over.signal, firstAfterMs: 2_000 },
      onError: (error) => {
        throw error;
      },
    });

    await assertCountedOnce(values, async () => {
      over.abort();
      await failing;
    });
  });
});

/** Freezes the server for a moment, then kills it and starts it anew with what it has kept. */
async function failOnce(redis: RedisServer): Promise<void> {
  await redis.hang();
  await delay(100);
  redis.goOn();
  await redis.goDown();
  await redis.comeBack();
}

/** @param onPushed - called when all pushes have been answered */
async function assertCountedOnce(
  values: SiegeValues,
  onPushed: () => Promise<void> = async () => undefined,
): Promise<void> {
  const at = fc.integer({ min: 1, max: PUSHES - CONNECTIONS });
  const killAfter = fc.sample(at, KILLS).sort((a, b) => a - b);
  await using siege = new Siege(values, killAfter);

  await siege.pushAll();
  await onPushed();
  const before = await siege.page();
  await siege.kill();
  const after = await siege.page();
  const replays = await siege.replayAll();

  const hint = `killed after ${killAfter}`;
  assert.equal(siege.answered.size, PUSHES);
  assert.deepEqual(before.toSorted(), expectedLines(), hint);
  assert.deepEqual(after.toSorted(), expectedLines(), hint);
  assert.equal(replays, PUSHES, hint);
  assert.deepEqual((await siege.page()).sort(), expectedLines(), hint);
}
