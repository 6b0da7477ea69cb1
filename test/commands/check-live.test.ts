/** `promgate check --live` against real servers: what answers, what fails, and how fast. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { CertificateFolder } from '../serve/openssl.ts';
import { hang, page, status } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import { World } from '../support/cf-api/world.ts';
import { type Ran, runCommand, settings } from '../support/command.ts';
import { startCells } from '../support/foundation/cells.ts';
import { startRouter } from '../support/foundation/router.ts';
import { routesJson } from '../support/foundation.ts';
import { startGorouter } from '../support/gorouter.ts';
import { IdentityChain } from '../support/identity-chain.ts';
import { startKafkaBroker } from '../support/kafka-broker.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startMariadbServer } from '../support/mariadb-server.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { runPromgate } from '../support/program.ts';
import { startPromgateProcess } from '../support/promgate-process.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startReceiver } from '../support/remote-receiver.ts';
import { requireProgram } from '../support/require-program.ts';

const APP = { organization: 'my-org', space: 'dev', name: 'shop' };

function live(
  values: Readonly<Record<string, unknown>>,
  more: readonly string[] = [],
): Promise<Ran> {
  return runCommand(['check', '--live', ...more, ...settings(values)]);
}

/** A server that accepts connections and says nothing. */
async function startSilence(): Promise<
  { readonly port: number; readonly asked: Promise<void> } & AsyncDisposable
> {
  const asked = Promise.withResolvers<void>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    asked.resolve();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port, // it listens on a port
    asked: asked.promise,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('promgate check --live', function () {
  this.timeout(SLOW_MS);

  it('counts the routes of a gorouter, and scrapes an app', async () => {
    await using apps = await startAppInstances([page('a 1\n'), page('a 2\n')]);
    await using gorouter = await startGorouter(routesJson([{ ...APP, addresses: apps.addresses }]));
    const { url, username, password } = gorouter;

    const { code, output } = await live({ 'routes.gorouter': [{ url, username, password }] }, [
      ...['--app', 'my-org/dev/shop'],
    ]);

    assert.equal(code, 0);
    assert.match(
      output,
      /^ok {6}gorouter http:\S+\/routes: 1 routes, 2 endpoints of 1 apps, read/m,
    );
    assert.match(
      output,
      /^ok {6}app my-org\/dev\/shop: instance 0 at 127\.1\.0\.1:\d+ gave 1 sample/m,
    );
  });

  it('says what to do about a wrong password, and never prints it', async () => {
    await using gorouter = await startGorouter(routesJson([]));
    const { url, username } = gorouter;

    const one = { url, username, password: 'wrong-one' };
    const { code, output, errors } = await live({ 'routes.gorouter': [one] });

    assert.equal(code, 3);
    const advice = 'look at routes.gorouter[0].username and routes.gorouter[0].password';
    assert.ok(output.includes(`answered 401 instead of 200: ${advice}`), output);
    assert.ok(!`${output}${errors}`.includes('wrong-one'));
  });

  it('tells which instances of an app fail, and why', async () => {
    await using apps = await startAppInstances([page('a 1\n'), status(500), 'refuse']);
    await using gorouter = await startGorouter(routesJson([{ ...APP, addresses: apps.addresses }]));
    const { url, username, password } = gorouter;

    const { code, output } = await live({ 'routes.gorouter': [{ url, username, password }] }, [
      ...['--app', 'my-org/dev/shop', '--app', 'my-org/dev/none'],
    ]);

    assert.equal(code, 3);
    assert.match(output, /instance 1 at \S+ failed: status-5xx; instance 2 at \S+ failed: refused/);
    assert.match(output, /what to do: status-5xx: .*read its log; refused: nothing listens/);
    assert.match(output, /^failed {2}app my-org\/dev\/none: none of the 1 apps in the routes/m);
  });

  it('asks the router, and an app by each way, and says what each gave', async () => {
    const world = new World(Date.now);
    const shop = world.push({ name: 'shop', space: world.space('my-org', 'dev') });
    await using cells = await startCells();
    cells.follow(world);
    await using router = await startRouter(world, cells);
    await using gorouter = await startGorouter({
      'shop.apps.example.com': [
        {
          // Nobody listens there.
          ...{ address: '127.0.0.1:1', tls: false, availability_zone: '', protocol: 'http1' },
          ttl: 120,
          tags: {
            ...{ app_id: shop.guid, process_id: shop.guid, instance_id: '0' },
            ...{ organization_name: 'my-org', space_name: 'dev', app_name: 'shop' },
          },
        },
      ],
    });
    const { url, username, password } = gorouter;
    const values = {
      'routes.gorouter': [{ url, username, password }],
      'scrape.router': router.url,
    };
    const args = ['--app', 'my-org/dev/shop'];

    const { code, output } = await live(values, args);

    assert.equal(code, 0, output);
    assert.match(output, /instance 0 at 127\.0\.0\.1:1 gave 1 samples in \d+ ms by gorouter/);
    assert.match(output, /^ok {6}way gorouter \S+: gorouter answers, and heeds X-CF-PROCESS/m);
    const each =
      /by each way: direct 0 of 1 \(refused\), gorouter 1 of 1, identity 0 of 1 \(no-way\), internal 0 of 1 \(no-way\)/;
    assert.match(output, each);

    router.knowsProcesses = false; // and nobody says whether the app is deployed now
    const older = await live(values, args);
    assert.equal(older.code, 3, older.output);
    assert.match(older.output, /gorouter answers, but does not heed X-CF-PROCESS-INSTANCE/);
    assert.match(older.output, /gorouter 0 of 1 \(no-way\)/);
  });

  it('tells until when the instance identity is valid, or why it cannot be used', async () => {
    using chain = new IdentityChain();
    const { cert, key } = chain.instance('own', { app: 'a', space: 's', organization: 'o' });
    const environment = { CF_INSTANCE_CERT: cert, CF_INSTANCE_KEY: key };

    const good = await runCommand(['check', '--live'], environment);
    const bad = await runCommand(['check', '--live'], {
      ...environment,
      CF_INSTANCE_KEY: chain.path('root.key'),
    });

    assert.match(good.output, /^ok {6}way identity: the instance identity is valid until 20/m);
    assert.match(
      bad.output,
      /^failed {2}way identity: .*the key does not belong to the certificate/m,
    );
  });

  it('bounds every try, all at once, though all servers hang', async () => {
    await using silence = await startSilence();
    await using gorouter = await startGorouter(routesJson([]));
    gorouter.fault = hang;
    const { url, username, password } = gorouter;
    const host = `127.0.0.1:${silence.port}`;
    const beganMs = performance.now();

    const { code, output } = await live(
      {
        'routes.gorouter': [{ url, username, password }],
        'routes.nats.servers': [`nats://${host}`],
        'redis.url': `redis://${host}`,
        'kafka.brokers': [host],
        'database.url': `mysql://u:p@${host}/db`,
        'broker.username': 'cf',
        'broker.password': 'broker-password',
        'push.durability': 'memory',
        'push.remote_write': [{ url: `http://${host}/api/v1/write` }],
      },
      ['--timeout', '1s'],
    );

    assert.equal(code, 3);
    assert.equal(
      [...output.matchAll(/^failed .* no whole answer within 1 s$/gm)].length,
      7,
      output,
    );
    assert.ok(performance.now() - beganMs < SLOW_MS / 2);
  });

  it('hears the first route message of NATS', async function () {
    const account = 'authorization { user: "u", password: "nats-password" }';
    await using nats = await startNatsServer(this, account);
    const keys = { 'routes.nats.servers': [`nats://${nats.address}`], 'routes.nats.username': 'u' };

    const wrong = await live({ ...keys, 'routes.nats.password': 'wrong-one' });
    const silent = await live({ ...keys, 'routes.nats.password': 'nats-password' });

    assert.equal(wrong.code, 3);
    assert.match(wrong.output, /look at routes\.nats\.username and routes\.nats\.password/);
    assert.equal(silent.code, 3);
    assert.match(silent.output, /connected without TLS, but no route message came within 5 s/);
  });

  it('tells when the first route message of NATS came', async function () {
    await using nats = await startNatsServer(this);
    const [host, port] = nats.address.split(':');
    const emitter = connect(Number(port), host);
    await using _ = { [Symbol.asyncDispose]: async () => void emitter.destroy() };
    emitter.on('error', () => undefined);
    emitter.write('CONNECT {"verbose":false}\r\n');
    const announcing = setInterval(() => emitter.write('PUB router.register 2\r\n{}\r\n'), 50);

    const { code, output } = await live({ 'routes.nats.servers': [`nats://${nats.address}`] });
    clearInterval(announcing);

    assert.equal(code, 0, output);
    assert.match(output, /^ok .* connected without TLS; first route message after \d+ ms$/m);
  });

  it('says whom to trust, and refuses half a certificate with 2', async function () {
    requireProgram(this, 'openssl');
    using certificates = new CertificateFolder();
    const files = certificates.selfSigned('redis');
    const other = certificates.selfSigned('other');
    const [cert, key] = [files.cert, files.key].map((file) => readFileSync(file, 'utf8'));
    await using redis = await startRedisServer(this, { tls: { cert: cert!, key: key! } });
    const half = certificates.path('half.crt');
    await writeFile(half, cert!.slice(0, cert!.length / 2));

    const stranger = await live({ 'redis.url': redis.url });
    const known = await live({ 'redis.url': redis.url, 'redis.tls.ca': files.cert });
    const halved = await live({ 'redis.url': redis.url, 'redis.tls.ca': half });
    const mixed = await live({ 'listen.tls.cert': files.cert, 'listen.tls.key': other.key });

    assert.equal(stranger.code, 3);
    assert.match(stranger.output, /what to do: set redis\.tls\.ca to the authority of the server/);
    assert.equal(known.code, 0, known.output);
    assert.equal(halved.code, 2);
    assert.match(halved.errors, /redis\.tls\.ca .* the file holds no readable one/);
    assert.equal(mixed.code, 2);
    assert.match(mixed.errors, /must be the key of the certificate in listen\.tls\.cert/);
  });

  it('ends at once with Ctrl-C while it waits', async () => {
    await using silence = await startSilence();
    const keys = settings({ 'redis.url': `redis://127.0.0.1:${silence.port}` });
    await using program = runPromgate(['check', '--live', '--timeout', '1h', ...keys]);
    await silence.asked;

    program.kill('SIGINT');
    const { code, signal } = await program.exited;

    assert.deepEqual([code, signal], [null, 'SIGINT']);
  });

  it('tells the version of Redis, and what loses pushes there', async function () {
    await using redis = await startRedisServer(this, {
      password: 'redis-password',
      args: ['--maxmemory-policy', 'allkeys-lru'],
    });
    const url = (password: string) => redis.url.replace('//', `//:${password}@`);

    const right = await live({ 'redis.url': url('redis-password'), 'push.durability': 'shared' });
    const wrong = await live({ 'redis.url': url('wrong-one') });

    assert.equal(right.code, 0, right.output);
    assert.match(
      right.output,
      /^warn {4}redis 127\.0\.0\.1:\d+: connected, version \w+ \d+\.\S+, role master, appendonly no, maxmemory-policy allkeys-lru/m,
    );
    assert.match(
      right.output,
      /what to do: set appendonly yes: .*; set maxmemory-policy noeviction/,
    );
    assert.equal(wrong.code, 3);
    assert.match(wrong.output, /what to do: look at user and password in redis\.url/);
    assert.ok(!wrong.output.includes('wrong-one'));
  });

  it('asks a broker of Kafka for the topic', async function () {
    await using kafka = await startKafkaBroker(this);

    const { code, output } = await live({ 'kafka.brokers': [kafka.address] });

    assert.equal(code, 0, output);
    assert.match(output, /^ok {6}kafka \S+: the brokers answer, and know the topic log-topic$/m);
  });

  it('reaches receivers of remote write without a sample', async () => {
    await using second = await startReceiver();
    await using first = await startReceiver();
    first.reply = ({ version }) => ({ status: version === '2.0.0' ? 415 : 204 });
    await using closed = await startReceiver();
    closed.reply = () => ({ status: 401, body: 'who are you' });
    const remote = (name: string, url: string) => ({ name, url });

    const { code, output } = await live({
      'push.durability': 'memory',
      'push.remote_write': [
        ...[remote('second', second.url), remote('first', first.url)],
        remote('closed', closed.url),
      ],
    });

    assert.equal(code, 3);
    assert.match(output, /^ok {6}remote write second: takes protocol 2\.0/m);
    assert.match(output, /^ok {6}remote write first: takes protocol 1\.0/m);
    assert.match(
      output,
      /^failed {2}remote write closed: answered 401 in protocol 2\.0: who are you\n.*auth and headers/m,
    );
    assert.equal(
      [...second.requests, ...first.requests].reduce((sum, one) => sum + one.samples, 0),
      0,
    );
  });

  it('tells which certificates end soon, and which have', async function () {
    requireProgram(this, 'openssl');
    using certificates = new CertificateFolder();
    const { cert, key } = certificates.selfSigned('door');

    const { code, output } = await live({ 'listen.tls.cert': cert, 'listen.tls.key': key });

    assert.equal(code, 0);
    assert.match(
      output,
      /^warn {4}certificate listen\.tls\.cert: CN=door, valid until \d{4}-\d\d-\d\d, its key fits$/m,
    );
    assert.match(output, /what to do: renew \S+ within [12] days/);
  });

  it('reads a routes file, and says when it is a directory', async () => {
    using folder = new CertificateFolder();
    const file = folder.path('routes.json');
    await writeFile(file, JSON.stringify(routesJson([{ ...APP, addresses: ['127.0.0.1:1'] }])));

    const right = await live({ 'routes.file': file });
    const wrong = await live({ 'routes.file': path.dirname(file) });

    assert.equal(right.code, 0);
    assert.match(right.output, /^ok {6}routes file \S+: 1 routes, 1 endpoints of 1 apps/m);
    assert.equal(wrong.code, 3);
    assert.match(wrong.output, /EISDIR.*: look at routes\.file$/m);
  });

  for (const [name, start] of [
    ['PostgreSQL', startPostgresServer],
    ['MariaDB', startMariadbServer],
  ] as const) {
    it(`tells the version of ${name}, and changes nothing in it`, async function () {
      await using server = await start(this);
      const url = await server.freshDatabase();
      const broker = { 'broker.username': 'cf', 'broker.password': 'broker-password' };

      const right = await live({ ...broker, 'database.url': url });
      const again = await live({ ...broker, 'database.url': url });
      const wrong = await live({
        ...broker,
        'database.url': url.replace(/:[^:@/]*@/, ':wrong-one@'),
      });

      assert.equal(right.code, 0, right.output);
      assert.match(
        right.output,
        /^ok {6}database .*: connected, version \d+\.\S+.*, no tables yet/m,
      );
      assert.equal(again.output, right.output);
      assert.equal(wrong.code, 3);
      assert.match(wrong.output, /what to do: look at the user and the password in database\.url/);
      assert.ok(!wrong.output.includes('wrong-one'));
    });
  }

  it('tells whether the encryption key opens the bindings', async () => {
    using folder = new CertificateFolder();
    const url = `sqlite:${folder.path('bindings.db')}`;
    const database = { url, encryption_key: 'the key of the bindings' };
    const values = { broker: BROKER, database };
    await using promgate = await startPromgateProcess({ values, untilReady: false });
    const platform = new Platform(promgate);
    await platform.createService('service');
    await platform.bind('service', 'binding', { appId: 'app-guid' });
    const keys = {
      ...{ 'broker.username': 'cf', 'broker.password': 'broker-password', 'database.url': url },
    };

    const right = await live({ ...keys, 'database.encryption_key': database.encryption_key });
    const wrong = await live({ ...keys, 'database.encryption_key': 'another key altogether' });

    assert.match(right.output, /^ok {6}database encryption key: opens all 1 bindings$/m);
    assert.equal(right.code, 0);
    assert.equal(wrong.code, 3);
    assert.match(wrong.output, /does not open 1 of 1 bindings\n.*database\.old_encryption_keys/);
  });
});
