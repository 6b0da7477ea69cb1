/**
 * What many scrapes leave behind: nothing, of sockets, series, slots and bytes.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { endless, hang, page, trickle } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import type { PromgateProcess } from '../support/promgate-process.ts';
import { keptConnection, read } from '../support/reader.ts';
import { samplesOf } from '../support/samples.ts';
import { startScene } from '../support/scene.ts';

const good = { answers: Array(5).fill(page('foo 1\n')) };

/** Names and labels of its own metrics; those of `nodejs_` tell what is open at this moment. */
async function ownSeries(promgate: PromgateProcess): Promise<string[]> {
  const lines = (await promgate.text('/metrics')).split('\n');
  const own = lines.filter((line) => /^(?:promgate|promfetch)_/.test(line));
  return own.map((line) => line.replace(/ \S+$/, ''));
}

describe('promgate in the long run', function () {
  this.timeout(SLOW_MS);

  it('has no more sockets and no more series after 1,000 scrapes', async () => {
    await using scene = await startScene({ good, mixed: { answers: [page('foo 1\n'), 'refuse'] } });
    const { promgate, apps } = scene;
    using kept = keptConnection();
    const scrape = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n++) {
        const { path } = n % 10 === 0 ? apps.mixed : apps.good;
        const { status, body } = await read(promgate.url + path, { agent: kept });
        assert.equal(status, 200);
        assert.equal(samplesOf(body.toString(), 'foo').length, n % 10 === 0 ? 1 : 5);
      }
    };
    await scrape(50);
    await ownSeries(promgate); // opens a connection of its own
    const before = { series: await ownSeries(promgate), files: promgate.openFiles() };

    await scrape(1000);

    assert.deepEqual(await ownSeries(promgate), before.series);
    await eventually(
      'as few files as before',
      () => promgate.openFiles() <= before.files || undefined,
    );
    for (const instance of apps.good.instances) assert.equal(instance.openConnections, 1);
  });

  it('closes the connections of instances that leave the table, and drops their series', async () => {
    await using scene = await startScene({ good });
    const { promgate, gorouter, apps } = scene;
    await promgate.text(apps.good.path);
    const series = 'promfetch_metric_fetch_success_total{';
    const before = (await ownSeries(promgate)).filter((name) => name.startsWith(series));

    gorouter.routes = {};

    for (const instance of apps.good.instances) {
      await eventually(
        'the end of a connection',
        () => instance.openConnections === 0 || undefined,
      );
    }
    const after = (await ownSeries(promgate)).filter((name) => name.startsWith(series));
    assert.deepEqual([before.length, after.length], [1, 0]);
  });

  it('stops all fetches of a reader that leaves', async () => {
    const answers = [hang, endless, trickle('foo 1\n'), page('foo 1\n')];
    const scrape = { max_body: '256MiB', max_bytes: '2GiB' }; // the endless one is not to fail
    await using scene = await startScene({ slow: { answers } }, { scrape });
    const { promgate, apps } = scene;
    const leave = new AbortController();
    const left = read(promgate.url + apps.slow.path, { signal: leave.signal });
    const gone = assert.rejects(left, { name: 'AbortError' });
    for (const instance of apps.slow.instances) {
      await eventually('the instance to be asked', () => instance.requests[0]);
    }

    leave.abort();
    await gone;

    for (const instance of apps.slow.instances.slice(0, 3)) {
      await eventually('the end of the fetch', () => instance.openConnections === 0 || undefined);
    }
    await released(promgate);
    const line = await promgate.untilLogged('request', { path: apps.slow.path });
    assert.equal(line['left'], true);
  });

  it('takes a reader that leaves amid its answer for no mistake, and frees the page', async () => {
    const large = { answers: Array(4).fill(page('foo{x="y"} 1\n'.repeat(250_000))) };
    await using scene = await startScene({ large });
    const { promgate, apps } = scene;
    const port = Number(new URL(promgate.url).port);
    const request = `GET ${apps.large.path} HTTP/1.1\r\nHost: promgate\r\n\r\n`;

    for (const leave of ['destroy', 'resetAndDestroy'] as const) {
      const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
      socket.write(request);
      await once(socket, 'readable'); // and nothing is read, so that promgate has to wait
      await eventually('all pages to be there', async () =>
        (await promgate.metric('promgate_scrape_slots_used')) === 0 ? true : undefined,
      );
      assert.ok(await promgate.metric('promgate_scrape_bytes_in_flight'));
      socket[leave]();
      await released(promgate);
    }

    const ends = promgate.log.filter((line) => line['path'] === apps.large.path);
    assert.deepEqual(
      ends.map(({ level, msg, left }) => [level, msg, left]),
      Array(2).fill(['info', 'request', true]),
    );
  });
});

/** Waits until no scrape holds anything. */
async function released(promgate: PromgateProcess): Promise<void> {
  for (const name of ['slots_used', 'waiting', 'bytes_in_flight']) {
    await eventually(`${name} to be 0`, async () =>
      (await promgate.metric(`promgate_scrape_${name}`)) === 0 ? true : undefined,
    );
  }
}
