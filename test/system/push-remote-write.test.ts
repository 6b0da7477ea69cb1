/** Remote write of whole promgates: one that is killed, and two of which one writes. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { type RemoteReceiver, startReceiver, storesAll } from '../support/remote-receiver.ts';

const remoteWrite = ({ url }: RemoteReceiver) => [{ url, name: 'r', interval: '1s' }];

async function push({ url }: PromgateProcess, value: number): Promise<void> {
  const body = `# TYPE jobs_total counter\njobs_total ${value}\n`;
  const answer = await fetch(`${url}/push/metrics`, { method: 'POST', body });
  assert.equal(answer.status, 200);
}

/** Values of the series in the order of arrival, each time once. */
function valuesOf({ stored }: RemoteReceiver): number[] {
  const byTime = new Map<number, number>();
  for (const { samples } of stored) for (const { atMs, value } of samples) byTime.set(atMs, value);
  return [...byTime.values()];
}

function timesOf({ stored }: RemoteReceiver): number[] {
  return [...new Set(stored.flatMap(({ samples }) => samples.map(({ atMs }) => atMs)))];
}

const untilStored = (receiver: RemoteReceiver, value: number): Promise<true> =>
  eventually(`the value ${value}`, () => valuesOf(receiver).includes(value) || undefined);

describe('remote write of a promgate', function () {
  this.timeout(SLOW_MS);

  it('sends after kill -9 what waited for the receiver', async () => {
    await using receiver = await startReceiver();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-remote-write-'));
    await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const file = path.join(folder, 'push.db');
    const values = { push: { durability: 'disk', file, remote_write: remoteWrite(receiver) } };
    const bytes = 'promgate_remote_write_queue_bytes{remote="r"}';
    let waiting: number[] = [];
    {
      await using promgate = await startPromgateProcess({ values });
      await push(promgate, 1);
      await untilStored(receiver, 1);
      receiver.reply = () => ({ status: 503 });
      const before = (await promgate.metric(bytes)) ?? 0;
      for (const value of [2, 3]) {
        await push(promgate, value);
        const seen = receiver.requests.length;
        await eventually('a round that waits', async () => {
          const isMore = receiver.requests.length > seen;
          return (isMore && ((await promgate.metric(bytes)) ?? 0) > before) || undefined;
        });
      }
      await eventually('three rounds in the file', async () =>
        ((await promgate.metric(bytes)) ?? 0) > 3 * 250 ? true : undefined,
      );
      waiting = receiver.requests.map(({ message }) => message.series[0]?.samples[0]?.atMs ?? 0);
    } // by SIGKILL
    receiver.reply = storesAll;
    await using promgate = await startPromgateProcess({ values });
    await push(promgate, 4);
    await untilStored(receiver, 10);

    const times = timesOf(receiver);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    const missing = [...new Set(waiting)].filter((atMs) => !times.includes(atMs));
    assert.deepEqual(missing, []);
    const all = valuesOf(receiver);
    assert.deepEqual(
      all,
      all.toSorted((a, b) => a - b),
    );
  });

  it('ends in time with a receiver that hangs, and sends the last values after the start', async () => {
    await using receiver = await startReceiver(() => undefined); // never answers
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-remote-write-'));
    await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const file = path.join(folder, 'push.db');
    const values = { push: { durability: 'disk', file, remote_write: remoteWrite(receiver) } };
    {
      await using promgate = await startPromgateProcess({ values });
      await push(promgate, 1);
      await receiver.received(1);
      await push(promgate, 2);
      promgate.kill('SIGTERM');
      assert.equal((await promgate.exited).code, 0);
    }
    receiver.reply = storesAll;
    await using _promgate = await startPromgateProcess({ values });
    await untilStored(receiver, 3);

    const times = timesOf(receiver);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    const [first] = receiver.requests;
    assert.equal(times[0], first?.message.series[0]?.samples[0]?.atMs);
  });

  it('is done by one of two at a time, and goes on with the other one', async function () {
    await using redis = await startRedisServer(this);
    await using receiver = await startReceiver();
    const values = {
      redis: { url: redis.url },
      push: { durability: 'shared', remote_write: remoteWrite(receiver) },
    };
    const active = 'promgate_remote_write_active{remote="r"}';
    await using promgates = new AsyncDisposableStack();
    const open = async () => promgates.use(await startPromgateProcess({ values }));
    const both = [await open(), await open()];
    await push(both[0]!, 1);
    await push(both[1]!, 1);
    await untilStored(receiver, 2);
    const writes = await Promise.all(both.map((promgate) => promgate.metric(active)));
    assert.deepEqual(writes.toSorted(), [0, 1]);
    const [writer, other] = writes[0] === 1 ? both : both.toReversed();

    writer!.kill('SIGKILL');
    await push(other!, 1);
    await untilStored(receiver, 3);

    const times = timesOf(receiver);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.equal(await other!.metric(active), 1);
  });
});
