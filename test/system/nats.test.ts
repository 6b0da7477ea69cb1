/**
 * Routes over a real nats-server: promgate, as a process, believes and forgets as gorouter does.
 */
import assert from 'node:assert/strict';
import { connect } from '@nats-io/transport-node';
import { Authority } from '../fetch/certificates.ts';
import { page } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { appGuid, endpointsOf, type GorouterEndpoint, routesJson } from '../support/foundation.ts';
import { startGorouter } from '../support/gorouter.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type NatsServer, startNatsServer } from '../support/nats-server.ts';
import {
  gorouterValues,
  type PromgateProcess,
  startPromgateProcess,
} from '../support/promgate-process.ts';
import { requireProgram } from '../support/require-program.ts';
import { type RunningApp, startApp } from '../support/running-app.ts';
import { samplesOf } from '../support/samples.ts';
import { type SimulatedServer, startServer } from '../support/simulated-server.ts';

const FAILS = 'routes cannot be read: the last ones stay';
const WORKS = 'routes are read';
/** How often promgate looks for stale endpoints. */
const LOOK_SECONDS = 5;

/** A register message as route-emitter sends it. */
function message(
  { address, tls, tags, ...endpoint }: GorouterEndpoint,
  route: string,
  { staleSeconds = 120 }: { readonly staleSeconds?: number } = {},
): object {
  const [host, port] = address.split(':');
  return {
    uris: [route],
    host,
    ...(tls ? { tls_port: Number(port) } : { port: Number(port) }),
    ...(tls ? { server_cert_domain_san: endpoint.server_cert_domain_san } : {}),
    stale_threshold_in_seconds: staleSeconds,
    private_instance_id: endpoint.private_instance_id,
    private_instance_index: tags['instance_id'],
    availability_zone: endpoint.availability_zone,
    app: tags['app_id'],
    tags,
  };
}

/** Publishes as route-emitter does; resolves when the server has all of it. */
async function publish(
  { address }: NatsServer,
  subject: string,
  messages: readonly unknown[],
): Promise<void> {
  await using connection = await connect({ servers: address });
  for (const one of messages) {
    connection.publish(subject, typeof one === 'string' ? one : JSON.stringify(one));
  }
  await connection.flush();
}

/** The indexes of the instances that the app's page shows as up, and the failures of the others. */
async function shown(promgate: PromgateProcess, app: RunningApp): Promise<string> {
  const answer = await promgate.get(app.path);
  const text = await answer.text();
  if (answer.status === 404) return 'unknown';
  const failures = samplesOf(text, 'promfetcher_scrape_error');
  return samplesOf(text, 'promgate_instance_up')
    .map(({ labels, value }) => {
      if (value === '1') return labels['index'];
      return failures.find((one) => one.labels['index'] === labels['index'])?.labels['error'];
    })
    .join();
}

async function shows(promgate: PromgateProcess, app: RunningApp, expected: string): Promise<void> {
  await eventually(`${app.name} to show ${expected}`, async () =>
    (await shown(promgate, app)) === expected ? true : undefined,
  );
}

describe('promgate beside nats-server', function () {
  this.timeout(SLOW_MS);

  let parts = new AsyncDisposableStack();
  let authority: Authority;
  let server: NatsServer;
  let promgate: PromgateProcess;
  let polled: RunningApp;

  before(async function () {
    parts = new AsyncDisposableStack();
    server = parts.use(await startNatsServer(this));
    requireProgram(this, 'openssl');
    authority = parts.use(await Authority.create());
    polled = parts.use(await startApp({ name: 'polled' }, [page('foo 1\n')]));
    const gorouter = parts.use(await startGorouter(routesJson([polled])));
    const nats = { servers: [`nats://${server.address}`], register_interval: '100ms' };
    const values = {
      routes: { nats, gorouter: [gorouterValues(gorouter)] },
      scrape: { tls: { ca: authority.caFile } },
    };
    promgate = parts.use(await startPromgateProcess({ values }));
  });

  after(() => parts.disposeAsync());

  const source = (): string => `nats ${server.address}`;

  /** What promgate has logged of NATS. */
  const states = (): string[] =>
    promgate.log.filter((line) => line['source'] === source()).map(({ msg }) => msg);

  /** Each instance has a certificate of its own: for its guid, or for another's. */
  async function startTlsApp(
    name: string,
    identities: readonly ('own' | 'foreign')[],
  ): Promise<RunningApp> {
    await using servers = new AsyncDisposableStack();
    const app = { organization: 'sys', space: 'tools', name, tls: true };
    const someAddresses = identities.map(() => '127.0.0.1:1');
    const guids = endpointsOf({ ...app, addresses: someAddresses }).map(
      (endpoint) => endpoint.server_cert_domain_san,
    );
    const instances: SimulatedServer[] = [];
    for (const [index, identity] of identities.entries()) {
      const guid = identity === 'own' ? guids[index] : 'f00df00d-f00d-400d-800d-f00df00df00d';
      const tls = await authority.issue(`${name}-${index}`, `DNS:${guid}`);
      instances.push(servers.use(await startServer(page('foo 1\n'), { tls })));
    }
    const owned = servers.move();
    const running = { ...app, addresses: instances.map(({ address }) => address) };
    return {
      ...running,
      guid: appGuid(running),
      path: `/v1/apps/sys/tools/${name}/metrics`,
      instances,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  const register = (messages: readonly unknown[]): Promise<void> =>
    publish(server, 'router.register', messages);

  it('serves what is registered, beside the routes of a gorouter, until it is unregistered', async () => {
    await using app = await startApp({ name: 'shop' }, [page('foo 1\n'), page('foo 1\n')]);
    const messages = endpointsOf(app).map((one) => message(one, 'Shop.Apps.Example.com/'));

    await register(messages);
    await shows(promgate, app, '0,1');
    const byRoute = await promgate.text('/v1/apps/shop.apps.example.com/metrics');
    await publish(server, 'router.unregister', messages.slice(0, 1));
    await shows(promgate, app, '1');
    await publish(server, 'router.unregister', messages.slice(1));
    await shows(promgate, app, 'unknown');

    assert.equal(samplesOf(byRoute, 'foo').length, 2);
    assert.equal(await shown(promgate, polled), '0');
  });

  it('counts messages that are none, and goes on', async () => {
    await using app = await startApp({ name: 'sturdy' }, [page('foo 1\n')]);
    const [endpoint] = endpointsOf(app);
    const good = message(endpoint!, 'sturdy.example.com'); // one instance has one endpoint
    const bad = [
      '',
      '\0',
      '{"uris": ["a.example.com"], "host": "10.0.0.1", "port": ',
      'null',
      '[]',
      '"router.register"',
      '{}',
      { ...good, host: null },
      { ...good, host: 'a b' },
      { ...good, port: 'eighty' },
      { ...good, port: 1e9 },
      { ...good, uris: 'sturdy.example.com' },
      { ...good, uris: [7, null, ''] },
      { ...good, tags: [] },
    ];
    const series = `promgate_route_source_malformed_messages_total{source="nats ${server.address}"}`;

    await register([...bad, good]);
    await publish(server, 'router.unregister', bad.slice(0, 8));

    await shows(promgate, app, '0');
    await eventually('all to be counted', async () =>
      ((await promgate.metric(series)) ?? 0) >= bad.length + 8 ? true : undefined,
    );
    assert.equal(await promgate.metric('promgate_route_endpoints'), 2);
  });

  it('asks TLS endpoints by their identity, and forgets one that has another', async () => {
    await using app = await startTlsApp('vault', ['own', 'foreign']);
    const messages = endpointsOf(app).map((one) => message(one, 'vault.example.com'));

    await register(messages);
    await shows(promgate, app, '0,tls-identity');
    const next = await shown(promgate, app);
    await register(messages);
    await shows(promgate, app, '0,tls-identity');

    assert.equal(next, '0');
    assert.equal(app.instances[1]?.requests.length, 0);
  });

  it('forgets a TLS endpoint that refuses, but not one that answers nonsense', async () => {
    await using app = await startTlsApp('gone', ['own', 'own', 'own']);
    app.instances[2]!.answer = page('foo{'); // there are three
    await register(endpointsOf(app).map((one) => message(one, 'gone.example.com')));
    await shows(promgate, app, '0,1,invalid');

    await app.instances[1]!.goDown();

    await shows(promgate, app, '0,invalid');
  });

  it('forgets plain endpoints in time, TLS ones not, and none while NATS is away', async () => {
    const staleSeconds = 1;
    await using plain = await startApp({ name: 'plain' }, [page('foo 1\n')]);
    await using secure = await startTlsApp('secure', ['own']);
    await using late = await startApp({ name: 'late' }, [page('foo 1\n')]);
    const messages = [plain, secure].flatMap((app) =>
      endpointsOf(app).map((one) => message(one, `${app.name}.example.com`, { staleSeconds })),
    );
    await register(messages);
    await shows(promgate, plain, '0');

    await server.goDown();
    await promgate.untilLogged(FAILS, { source: source() });
    const heard = await promgate.metric(
      `promgate_route_source_last_success_timestamp_seconds{source="${source()}"}`,
    );
    assert.ok(heard);
    await eventually('plain endpoints to be due', () =>
      Date.now() / 1000 > heard + staleSeconds + LOOK_SECONDS ? true : undefined,
    );
    const away = [await shown(promgate, plain), await shown(promgate, secure)];
    await server.comeBack();
    await eventually('promgate to be back', () => (states().length === 3 ? true : undefined));
    await register(endpointsOf(late).map((one) => message(one, 'late.example.com')));
    await shows(promgate, late, '0');
    await shows(promgate, plain, 'unknown');

    assert.deepEqual(away, ['0', '0']);
    assert.equal(await shown(promgate, secure), '0');
    assert.deepEqual(states(), [WORKS, FAILS, WORKS]);
  });

  it('is ready after a register interval, and lists no plain endpoint where TLS is required', async () => {
    await using plain = await startApp({ name: 'refused' }, [page('foo 1\n')]);
    await using secure = await startTlsApp('listed', ['own']);
    const nats = { servers: [`nats://${server.address}`], register_interval: '1h' };
    const values = {
      routes: { nats, require_tls: true },
      scrape: { tls: { ca: authority.caFile } },
    };
    await using waiting = await startPromgateProcess({ values, untilReady: false });
    await waiting.untilLogged(WORKS);
    const apps = [plain, secure];
    await register(apps.flatMap(endpointsOf).map((one) => message(one, 'a.example.com')));
    await eventually('the TLS endpoint', async () =>
      (await waiting.metric('promgate_route_endpoints')) === 1 ? true : undefined,
    );

    const listed = await shown(waiting, secure);
    const unknown = await waiting.get(plain.path);
    const ready = await waiting.get('/readyz');

    assert.equal(listed, '0');
    assert.deepEqual([unknown.status, ready.status], [503, 503]);
    assert.match(await ready.text(), /"nats [^"]*":"waiting"/);
  });

  it('is ready at once when as many endpoints are known as were said to be enough', async () => {
    await using app = await startApp({ name: 'enough' }, [page('foo 1\n'), page('foo 2\n')]);
    const nats = { servers: [`nats://${server.address}`], register_interval: '1h', enough: 2 };
    await using promgate = await startPromgateProcess({
      values: { routes: { nats } },
      untilReady: false,
    });
    await promgate.untilLogged(WORKS);
    const before = await promgate.get('/readyz');

    await register(endpointsOf(app).map((one) => message(one, 'enough.example.com')));

    assert.equal(before.status, 503);
    await eventually('it is ready', async () =>
      (await promgate.get('/readyz')).status === 200 ? true : undefined,
    );
  });

  it('ends with 0 when it is told to stop, connected or not', async () => {
    const nats = { servers: [`nats://${server.address}`], register_interval: '100ms' };
    const values = { routes: { nats } };
    await using connected = await startPromgateProcess({ values });
    await using cutOff = await startPromgateProcess({ values });

    connected.kill('SIGTERM');
    const first = await connected.exited;
    await server.goDown();
    await cutOff.untilLogged(FAILS);
    cutOff.kill('SIGTERM');
    const second = await cutOff.exited;

    assert.deepEqual([first, second], Array(2).fill({ code: 0, signal: null }));
  });
});
