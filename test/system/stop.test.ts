/**
 * Stop means stop: what a process does from SIGTERM or SIGINT to its end, and in which order.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { hang, page } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { startGorouter } from '../support/gorouter.ts';
import { SLOW_MS } from '../support/limits.ts';
import { runNpm } from '../support/program.ts';
import { gorouterValues, startPromgateProcess } from '../support/promgate-process.ts';
import { keptConnection, read } from '../support/reader.ts';
import { samplesOf } from '../support/samples.ts';
import { startScene } from '../support/scene.ts';

/** What the platform grants after `drain.wait`: a promise, and far from what it takes. */
const GRACE_MS = 9_000;
const ENDED_WELL = { code: 0, signal: null };

const good = { answers: [page('foo 1\n')] };
const stuck = { answers: [page('foo 1\n'), hang] };

describe('promgate that is told to stop', function () {
  this.timeout(SLOW_MS);

  it('answers what comes within drain.wait, cuts what hangs, and ends with 0', async () => {
    const waitMs = 3_000;
    const drain = { wait: `${waitMs}ms` };
    await using scene = await startScene({ good, stuck }, { drain });
    const { promgate, apps } = scene;
    using kept = keptConnection();
    using fresh = keptConnection();
    const before = await read(promgate.url + apps.good.path, { agent: kept });
    const open = read(promgate.url + apps.stuck.path);
    const events: string[] = [];
    void open.then(() => events.push('the open scrape was answered'));
    void promgate.exited.then(() => events.push('it ended'));
    await eventually('the instance to be asked', () => apps.stuck.instances[1]!.requests[0]);

    promgate.kill('SIGTERM');
    const stoppedMs = performance.now();
    const health = await eventually('readiness to fall', async () => {
      const answer = await read(`${promgate.url}/readyz`);
      return answer.status === 503 ? answer : undefined;
    });
    const within = [
      await read(promgate.url + apps.good.path, { agent: fresh }),
      await read(promgate.url + apps.good.path, { agent: kept }),
    ];
    await eventually('new connections to be refused', () => refuses(promgate.url));
    events.push('new connections were refused');
    const cut = await open;
    const exit = await promgate.exited;

    assert.equal(before.headers.connection, 'keep-alive');
    assert.match(health.body.toString(), /"status":"draining"/);
    for (const { status, headers, body } of within) {
      assert.deepEqual([status, headers.connection], [200, 'close']);
      assert.equal(samplesOf(body.toString(), 'foo').length, 1);
    }
    assert.equal(cut.status, 200);
    const text = cut.body.toString();
    assert.equal(samplesOf(text, 'foo', { index: '0' })[0]?.value, '1');
    const [failure] = samplesOf(text, 'promfetcher_scrape_error', { index: '1' });
    assert.equal(failure?.labels['error'], 'timeout');
    assert.deepEqual(events, [
      'new connections were refused',
      'the open scrape was answered',
      'it ended',
    ]);
    assert.deepEqual(exit, ENDED_WELL);
    assert.ok(performance.now() - stoppedMs < waitMs + GRACE_MS);
  });

  it('ends with 0 while a reader does not read its answer', async () => {
    const large = { answers: [page('foo{x="y"} 1\n'.repeat(500_000))] };
    await using scene = await startScene({ large });
    const { promgate, apps } = scene;
    const socket = net.connect(Number(new URL(promgate.url).port), '127.0.0.1');
    socket.on('error', () => undefined); // it will be cut off
    const closed = once(socket, 'close');
    socket.write(`GET ${apps.large.path} HTTP/1.1\r\nHost: promgate\r\n\r\n`);
    await once(socket, 'readable'); // the head of the answer; nothing is read

    promgate.kill('SIGTERM');
    const stoppedMs = performance.now();
    const exit = await promgate.exited;

    assert.deepEqual(exit, ENDED_WELL);
    assert.ok(performance.now() - stoppedMs < GRACE_MS);
    assert.deepEqual(
      promgate.log.filter(({ level }) => level !== 'info'),
      [],
    );
    socket.resume();
    await closed;
  });

  it('ends with 0 while its sources of routes hang or are away', async () => {
    await using gorouter = await startGorouter({});
    gorouter.fault = hang;
    const routes = {
      gorouter: [gorouterValues(gorouter)],
      nats: { servers: [`nats://127.0.0.1:${await unusedPort()}`] },
    };
    await using promgate = await startPromgateProcess({ values: { routes }, untilReady: false });
    await eventually('a poll that hangs', () => gorouter.polls[0]);
    await promgate.untilLogged('routes cannot be read: the last ones stay');

    promgate.kill('SIGTERM');

    assert.deepEqual(await promgate.exited, ENDED_WELL);
  });

  it('ends with 0 when npm start is told to, as by whoever has started only npm', async () => {
    const settings = ['--port=0', '--set=listen.host=127.0.0.1', '--set=drain.wait=0s'];
    await using npm = runNpm(['start', '--', ...settings]);
    const logs = (msg: string) => (): true | undefined =>
      npm.lines.some((line) => line.includes(`"msg":"${msg}"`)) || undefined;
    await eventually('promgate to listen', logs('promgate listens'));

    npm.kill('SIGTERM');
    await eventually('promgate to stop', logs('promgate stops'));

    assert.deepEqual(await npm.exited, ENDED_WELL);
  });

  it('ends with 0 at one SIGINT', async () => {
    await using scene = await startScene({ good });
    const { promgate, apps } = scene;
    using kept = keptConnection();
    await read(promgate.url + apps.good.path, { agent: kept }); // and leaves the connection open

    promgate.kill('SIGINT');

    assert.deepEqual(await promgate.exited, ENDED_WELL);
  });

  it('ends at once, as a shell counts it, when SIGINT is repeated', async () => {
    await using scene = await startScene({ stuck }, { drain: { wait: '10m' } });
    const { promgate, apps } = scene;
    const broken = assert.rejects(read(promgate.url + apps.stuck.path), { code: 'ECONNRESET' });
    await eventually('the instance to be asked', () => apps.stuck.instances[1]!.requests[0]);
    promgate.kill('SIGINT');
    await promgate.untilLogged('promgate stops');

    // The first one may come twice: npm passes on what the terminal sends to all.
    const exit = await eventually('the end', async () => {
      promgate.kill('SIGINT');
      return await Promise.race([promgate.exited, setImmediate(undefined)]);
    });

    assert.deepEqual(exit, { code: 130, signal: null });
    await broken;
  });
});

/** True, or undefined while it still accepts. */
async function refuses(url: string): Promise<true | undefined> {
  const answer = await read(`${url}/healthz`).catch((error: NodeJS.ErrnoException) => error);
  return 'code' in answer && answer.code === 'ECONNREFUSED' ? true : undefined;
}

/** A port on which nothing listens, taken from the system and given back. */
async function unusedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo; // no pipe: an address object
  server.close();
  await once(server, 'close');
  return port;
}
