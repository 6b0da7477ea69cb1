import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { connect } from '@nats-io/transport-node';
import type { Endpoint } from '../../src/discover/instance.ts';
import { startNats } from '../../src/discover/nats-source.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { type NatsBus, startBus } from './nats-bus.ts';
import { seen } from './seen.ts';

const MINUTE = 60_000;
const plain = { host: '10.0.0.1', port: 80, uris: ['plain.example.com'] };
const tls = {
  host: '10.0.0.2',
  port: 80,
  tls_port: 443,
  uris: ['tls.example.com'],
  server_cert_domain_san: 'tls-guid',
};
const PLAIN = { 'plain.example.com': ['10.0.0.1:80'] };
const TLS = { 'tls.example.com': ['10.0.0.2:443'] };

/** The bus goes away, and the source has noticed. */
async function away(bus: NatsBus): Promise<void> {
  const states = bus.told.states.length;
  await bus.server.goDown();
  await bus.state(states + 1);
  assert.equal(bus.told.states.at(-1), 'unreachable');
}

/** The bus comes back, and the source has noticed. */
async function back(bus: NatsBus, configuration?: string): Promise<void> {
  const states = bus.told.states.length;
  await bus.server.comeBack(configuration);
  await eventually('the source to be back', async () => {
    await bus.clock.advance(1000);
    return bus.told.states[states];
  });
  assert.equal(bus.told.states.at(-1), 'works');
}

describe('startNats', () => {
  it('lists what is registered, until it is unregistered', async function () {
    await using bus = await startBus(this);

    await bus.send('router.register', { ...tls, uris: ['tls.example.com', 'More.example.com/p/'] });
    await bus.send('router.register', plain);
    assert.deepEqual(bus.listed(), { ...PLAIN, ...TLS, 'more.example.com/p': ['10.0.0.2:443'] });
    await bus.send('router.unregister', { ...tls, uris: ['more.example.com/P'] });
    await bus.send('router.unregister', { ...plain, port: 81 });

    assert.deepEqual(bus.listed(), { ...PLAIN, ...TLS });
    assert.deepEqual(bus.told.states, ['works']);
    assert.deepEqual(bus.told.refused, {});
  });

  it('counts malformed messages and goes on', async function () {
    await using bus = await startBus(this);

    for (const message of ['', '{', 'null', '[]', '{"uris":null}', '\u0000', '"router.register"']) {
      await bus.send('router.register', message);
      await bus.send('router.unregister', message);
    }
    await bus.send('router.register', { ...plain, route_service_url: { toString: 0, valueOf: 0 } });
    await bus.send('router.register', { ...plain, host: 'no host' });
    await bus.send('router.register', { ...plain, tags: { padding: 'x'.repeat(300_000) } });
    await bus.send('router.register', { ...plain, uris: ['a b', 'plain.example.com'] });

    assert.deepEqual(bus.listed(), PLAIN);
    assert.deepEqual(bus.told.refused, {
      json: 6,
      shape: 9,
      address: 1,
      'too-long': 1,
      route: 1,
    });
    assert.deepEqual(bus.told.states, ['works']);
  });

  it('prunes a plain endpoint that is not registered again, and leaves one with TLS', async function () {
    await using bus = await startBus(this);
    await bus.send('router.register', plain);
    await bus.send('router.register', tls);

    await bus.clock.advance(100_000);
    await bus.send('router.register', plain);
    await bus.clock.advance(115_000);
    assert.deepEqual(bus.listed(), { ...PLAIN, ...TLS });
    await bus.clock.advance(10_000);

    assert.deepEqual(bus.listed(), TLS);
    assert.deepEqual(bus.told.pruned, { stale: 1 });
  });

  it('does not prune while the bus is away, and freshens all when it is back', async function () {
    await using bus = await startBus(this);
    await bus.send('router.register', plain);
    await bus.send('router.register', tls);

    await away(bus);
    await bus.clock.advance(30 * MINUTE);
    bus.source.reportFailure('10.0.0.2:443');
    assert.deepEqual(bus.listed(), { ...PLAIN, ...TLS });
    await back(bus);
    await bus.clock.advance(110_000);
    assert.deepEqual(bus.listed(), { ...PLAIN, ...TLS });
    await bus.clock.advance(20_000);

    assert.deepEqual(bus.listed(), TLS);
    assert.deepEqual(bus.told.states, ['works', 'unreachable', 'works']);
    await bus.send('router.register', plain);
    assert.deepEqual(bus.listed(), { ...PLAIN, ...TLS });
  });

  it('prunes a TLS endpoint at which its instance is gone, until it registers again', async function () {
    await using bus = await startBus(this);
    await bus.send('router.register', plain);
    await bus.send('router.register', tls);
    assert.deepEqual(bus.listed(), { ...PLAIN, ...TLS });

    bus.source.reportFailure('10.0.0.2:443', 'tls-guid');
    bus.source.reportFailure('10.0.0.1:80', '');
    assert.deepEqual(bus.listed(), PLAIN);
    await bus.send('router.register', tls);
    bus.source.reportFailure('10.0.0.2:443', 'the-guid-before');

    assert.deepEqual(bus.listed(), { ...PLAIN, ...TLS });
    assert.deepEqual(bus.told.pruned, { failed: 1 });
  });

  it('dials a TLS endpoint that was not heard of for ten minutes', async function () {
    const dialled: string[] = [];
    let lives = true;
    const dial = (endpoint: Endpoint): Promise<boolean> => {
      if (endpoint.serverCertDomainSan !== '') {
        dialled.push(`${endpoint.address} ${endpoint.serverCertDomainSan}`);
      }
      return Promise.resolve(lives);
    };
    await using bus = await startBus(this, { dial });
    await bus.send('router.register', tls);

    await bus.clock.advance(10 * MINUTE - 10_000);
    assert.deepEqual(dialled, []);
    await bus.clock.advance(20_000);
    assert.deepEqual(dialled, ['10.0.0.2:443 tls-guid']);
    assert.deepEqual(bus.listed(), TLS);
    lives = false;
    await bus.clock.advance(11 * MINUTE);

    assert.equal(dialled.length, 2);
    assert.deepEqual(bus.listed(), {});
    assert.ok((bus.told.pruned['unproven'] ?? 0) >= 1);
  });

  it('reports a dial that threw, and dials again once the endpoint has registered', async function () {
    let throws = true;
    const dial = async (): Promise<boolean> => {
      if (throws) throw new Error('a mistake');
      return false;
    };
    await using bus = await startBus(this, { dial });
    await bus.send('router.register', tls);
    await bus.clock.advance(10 * MINUTE + 10_000);
    assert.equal(bus.told.errors.at(-1)?.message, 'a mistake');

    throws = false;
    await bus.send('router.register', tls);
    assert.deepEqual(bus.listed(), TLS);
    await bus.clock.advance(11 * MINUTE);

    assert.deepEqual(bus.listed(), {});
    assert.ok((bus.told.pruned['unproven'] ?? 0) >= 1);
  });

  it('does not list an endpoint while it is dialled, and goes on pruning others', async function () {
    const answers: ((proven: boolean) => void)[] = [];
    const dial = (): Promise<boolean> => new Promise((resolve) => answers.push(resolve));
    await using bus = await startBus(this, { dial });
    await bus.send('router.register', tls);
    await bus.clock.advance(9 * MINUTE);
    await bus.send('router.register', plain);

    await bus.clock.advance(MINUTE + 10_000);
    assert.deepEqual(bus.listed(), PLAIN);
    await bus.clock.advance(2 * MINUTE);
    assert.deepEqual(bus.listed(), {});
    for (const answer of answers) answer(true);

    await bus.lists(TLS);
  });

  it('keeps an endpoint whose dial fails when the bus is away meanwhile', async function () {
    const answers: ((proven: boolean) => void)[] = [];
    const dial = (): Promise<boolean> => new Promise((resolve) => answers.push(resolve));
    await using bus = await startBus(this, { dial });
    await bus.send('router.register', tls);
    await bus.clock.advance(10 * MINUTE + 10_000);
    assert.deepEqual(bus.listed(), {});

    await away(bus);
    for (const answer of answers) answer(false);

    await bus.lists(TLS);
  });

  it('is ready one register interval after it is up, or when told', async function () {
    await using bus = await startBus(this);
    assert.equal(bus.source.ready, false);
    await bus.clock.advance(15_000);
    await away(bus);
    await back(bus);
    await bus.clock.advance(17_000);
    assert.equal(bus.source.ready, false);
    await bus.clock.advance(3000);
    assert.equal(bus.source.ready, true);
    await away(bus);
    assert.equal(bus.source.ready, true);

    await using quick = await startBus(this, { registerIntervalMs: 500 });
    await quick.clock.advance(500);
    assert.equal(quick.source.ready, true);
    await using enough = await startBus(this, { enough: 1 });
    assert.equal(enough.source.ready, false);
    await enough.send('router.register', plain);
    assert.equal(enough.source.ready, true);
  });

  it('remembers that it was ready when the bus goes away before anyone asked', async function () {
    await using bus = await startBus(this);
    await bus.clock.advance(20_000);
    await away(bus);

    assert.equal(bus.source.ready, true);
  });

  it('holds no more than its bounds', async function () {
    await using bus = await startBus(this, { maxEntries: 3, maxBytes: 10_000 });
    await bus.publish('router.register', [{ ...tls, uris: ['a', 'b', 'c', 'd', 'e'] }]);
    await bus.lists({ a: ['10.0.0.2:443'], b: ['10.0.0.2:443'], c: ['10.0.0.2:443'] });
    const large = { ...tls, uris: ['a'], tags: { padding: 'x'.repeat(10_000) } };
    await bus.publish('router.register', [large]);

    await eventually('the refusals', () => (bus.told.refused['too-many'] === 3 ? true : undefined));
  });

  it('refuses plain endpoints where TLS is required', async function () {
    await using bus = await startBus(this, { table: { requireTls: true } });
    await bus.send('router.register', plain);
    await bus.send('router.register', tls);

    assert.deepEqual(bus.listed(), TLS);
    assert.deepEqual(bus.told.refused, { 'not-tls': 1 });
  });

  it('says nothing on the bus by default', async function () {
    await using bus = await startBus(this);
    await using other = await connect({ servers: bus.server.address });
    const heard: string[] = [];
    other.subscribe('>', { callback: (_, { subject }) => void heard.push(subject) });
    await other.flush();

    await assert.rejects(other.request('router.greet', '', { timeout: 100 }));
    await bus.send('router.register', plain);
    await other.flush();

    assert.deepEqual(
      heard.filter((subject) => !subject.startsWith('_INBOX')),
      ['router.greet', 'router.register', 'router.register'],
    );
  });

  it('poses as a router when it is configured to, also when the bus is back', async function () {
    await using bus = await startBus(this, { greet: true });
    await using other = await connect({ servers: bus.server.address, reconnectTimeWait: 10 });
    const started: unknown[] = [];
    other.subscribe('router.start', {
      callback: (_, message) => void started.push(message.json()),
    });
    await other.flush();

    const greeting = (await other.request('router.greet')).json<Record<string, unknown>>();
    assert.match(String(greeting['id']), /^promgate-/);
    assert.equal(greeting['minimumRegisterIntervalInSeconds'], 20);
    assert.equal(greeting['pruneThresholdInSeconds'], 120);
    await away(bus);
    await bus.server.comeBack();
    await eventually('the other to be back', () => other.rtt());
    await eventually('the start message', async () => {
      await bus.clock.advance(1000);
      return started[0];
    });

    assert.deepEqual(started, [greeting]);
  });

  it('tries the other servers when one refuses', async function () {
    await using bus = await startBus(this);
    const table = new RouteTable();
    const told = seen();
    const servers = ['nats://127.0.0.1:1', `nats://${bus.server.address}`, 'nats://127.0.0.1:2'];
    const dial = (): Promise<boolean> => Promise.resolve(false);
    await using _ = startNats({ servers, dial, clock: fakeClock() }, table, told.observers);

    await eventually('the connection', () => told.states[0]);

    assert.deepEqual(told.states, ['works']);
  });

  const users = (password: string): string =>
    `authorization { users: [{ user: "emitter", password: "e" }, { user: "me", password: "${password}" }] }`;

  it('connects with user and password, and keeps trying while they are refused', async function () {
    await using bus = await startBus(this, {
      configuration: users('other'),
      username: 'me',
      password: 'secret',
      emitter: { user: 'emitter', pass: 'e' },
    });
    await bus.state(1);
    await bus.clock.advance(MINUTE);
    assert.deepEqual(bus.told.states, ['denied']);

    await bus.server.goDown();
    await back(bus, users('secret'));
    await bus.send('router.register', plain);

    assert.deepEqual(bus.listed(), PLAIN);
    assert.doesNotMatch(JSON.stringify([bus.told.errors, bus.source.name]), /secret/);
  });

  it('is not up while it may not subscribe, and is when it may', async function () {
    const permissions = (subscribe: string): string => `authorization { users: [
      { user: "me", password: "p", permissions: { subscribe: ${subscribe} } },
      { user: "emitter", password: "e" } ] }`;
    await using bus = await startBus(this, {
      configuration: permissions('["router.register"]'),
      username: 'me',
      password: 'p',
      emitter: { user: 'emitter', pass: 'e' },
    });
    await bus.state(1);
    await bus.clock.advance(MINUTE);
    assert.deepEqual(bus.told.states, ['denied']);
    assert.equal(bus.source.ready, false);

    await bus.server.goDown();
    await back(bus, permissions('["router.*"]'));
    await bus.send('router.register', plain);

    assert.deepEqual(bus.listed(), PLAIN);
  });

  it('goes on pruning when only its start message is refused', async function () {
    await using bus = await startBus(this, {
      configuration: `authorization { users: [
        { user: "me", password: "p", permissions: { subscribe: ["router.*"], publish: ["x"] } },
        { user: "emitter", password: "e" } ] }`,
      username: 'me',
      password: 'p',
      emitter: { user: 'emitter', pass: 'e' },
      greet: true,
    });
    await bus.state(1);
    await bus.send('router.register', plain);
    await eventually('the refusal', () => bus.told.errors[0]);
    assert.equal(bus.told.errors[0]?.fault, 'denied');

    await bus.clock.advance(130_000);

    assert.deepEqual(bus.listed(), {});
    assert.deepEqual(bus.told.states, ['works']);
  });

  it('ends soon when it is disposed of while a server hangs, is away, or is up', async function () {
    const sockets = new Set<net.Socket>();
    const silent = net.createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as net.AddressInfo; // no pipe: an address object
    const dial = (): Promise<boolean> => Promise.resolve(false);
    const options = { servers: [`127.0.0.1:${port}`], dial, clock: fakeClock() };
    const source = startNats(options, new RouteTable());
    await eventually('the connection', () => (sockets.size > 0 ? true : undefined));
    await source[Symbol.asyncDispose]();
    for (const socket of sockets) socket.destroy();
    silent.close();

    const bus = await startBus(this);
    await bus.source[Symbol.asyncDispose]();
    await bus[Symbol.asyncDispose]();
    const gone = await startBus(this);
    await away(gone);
    await gone[Symbol.asyncDispose]();
    assert.deepEqual([bus.clock.sleeping, gone.clock.sleeping], [[], []]);
  });

  it('names its servers without credentials', async () => {
    const servers = ['nats://me:secret@10.0.0.1:4222', '10.0.0.2:4222'];
    const dial = (): Promise<boolean> => Promise.resolve(false);
    const source = startNats({ servers, dial, clock: fakeClock() }, new RouteTable());
    const { name } = source;
    await source[Symbol.asyncDispose]();

    assert.equal(name, 'nats 10.0.0.1:4222 10.0.0.2:4222');
  });
});
