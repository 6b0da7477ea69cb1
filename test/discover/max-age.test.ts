import assert from 'node:assert/strict';
import { connect } from '@nats-io/transport-node';
import { startGorouter } from '../../src/discover/gorouter.ts';
import { startMaxAge } from '../../src/discover/max-age.ts';
import { startNats } from '../../src/discover/nats-source.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import type { RouteSource } from '../../src/discover/source.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { routesJson } from '../support/foundation.ts';
import * as simulated from '../support/gorouter.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { app, listing } from './endpoints.ts';
import { type Seen, seen } from './seen.ts';

const shop = app('shop', ['10.0.0.1:1']);
const blog = app('blog', ['10.0.0.2:1']);
const MAX_AGE_MS = 120_000;
const SHOP = { 'shop.apps.example.com': ['10.0.0.1:1'] };
const BLOG = { 'blog.apps.example.com': ['10.0.0.2:1'] };

const onError = (error: unknown): void => assert.fail(String(error));

/** Two gorouters, of which the first lists the shop and the second the blog. */
async function start() {
  await using parts = new AsyncDisposableStack();
  const [table, clock] = [new RouteTable(), fakeClock()];
  const gorouters: simulated.Gorouter[] = [];
  const sources: RouteSource[] = [];
  const told: Seen[] = [];
  for (const routes of [routesJson([shop]), routesJson([blog])]) {
    const gorouter = parts.use(await simulated.startGorouter(routes));
    const { url, username, password } = gorouter;
    const one = seen();
    const options = { url, username, password, clock, random: () => 0.5 };
    sources.push(parts.use(startGorouter(options, table, one.observers)));
    gorouters.push(gorouter);
    told.push(one);
  }
  const lapsed: string[] = [];
  const onLapsed = ({ name }: RouteSource): unknown => lapsed.push(name);
  parts.use(startMaxAge({ sources, maxAgeMs: MAX_AGE_MS, clock, onLapsed, onError }));
  const settled = (polls: readonly number[]): Promise<true> =>
    eventually('the polls to end', () =>
      told.every((one, at) => one.polls.length >= polls[at]!) && clock.sleeping.length === 3
        ? true
        : undefined,
    );
  await settled([1, 1]);
  const owned = parts.move();
  return {
    ...{ table, clock, told, sources, lapsed },
    first: gorouters[0]!,
    second: gorouters[1]!,
    /** Lets both poll once in each of `count` intervals. */
    async pass(count: number) {
      for (let done = 0; done < count; done++) {
        const next = told.map((one) => one.polls.length + 1);
        await clock.advance(15_000);
        await settled(next);
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** NATS, over which the shop is registered, and a gorouter that lists the blog. */
async function startWithBus(context: Mocha.Context) {
  await using parts = new AsyncDisposableStack();
  const server = parts.use(await startNatsServer(context));
  const gorouter = parts.use(await simulated.startGorouter(routesJson([blog])));
  const { url, username, password } = gorouter;
  const [table, clock, told, bus] = [new RouteTable(), fakeClock(), seen(), seen()];
  const polled = parts.use(
    startGorouter({ url, username, password, clock }, table, told.observers),
  );
  const dial = (): Promise<boolean> => Promise.resolve(false);
  const nats = parts.use(
    startNats({ servers: [server.address], dial, clock }, table, bus.observers),
  );
  await eventually('the bus', () => bus.states[0]);
  const register = async (): Promise<void> => {
    const emitter = await connect({ servers: server.address, reconnect: false });
    const message = { host: '10.0.0.1', port: 1, uris: ['shop.apps.example.com'] };
    emitter.publish('router.register', JSON.stringify(message));
    await emitter.flush();
    await emitter.close();
    await eventually('both', () => (Object.keys(listing(table)).length === 2 ? true : undefined));
  };
  await register();
  parts.use(
    startMaxAge({ ...{ sources: [polled, nats], maxAgeMs: MAX_AGE_MS }, ...{ clock, onError } }),
  );
  const owned = parts.move();
  return {
    ...{ server, bus, clock, table, nats, register },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe('startMaxAge', () => {
  it('takes out what a gorouter lists that fails for two minutes while another works', async () => {
    await using test = await start();
    assert.deepEqual(listing(test.table), { ...BLOG, ...SHOP });

    await test.first.goDown();
    await test.pass(7); // 105 s
    assert.deepEqual(listing(test.table), { ...BLOG, ...SHOP });
    assert.equal(test.sources[0]?.ageMs, 105_000);
    await test.pass(2);
    assert.deepEqual(listing(test.table), BLOG);
    await test.pass(1);
    assert.deepEqual(test.lapsed, [test.sources[0]?.name]);

    await test.first.comeBack();
    await test.pass(1);
    assert.deepEqual(listing(test.table), { ...BLOG, ...SHOP });
    assert.equal(test.sources[0]?.ageMs, 0);
    await test.first.goDown();
    await test.pass(10);
    assert.deepEqual(listing(test.table), BLOG);
    assert.equal(test.lapsed.length, 2);
  });

  it('keeps the last tables while no source works, until one does', async () => {
    await using test = await start();

    await test.first.goDown();
    await test.second.goDown();
    await test.pass(20);
    assert.deepEqual(listing(test.table), { ...BLOG, ...SHOP });
    assert.deepEqual(test.lapsed, []);

    await test.second.comeBack();
    await test.pass(2);
    assert.deepEqual(listing(test.table), BLOG);
  });

  it('takes out what NATS said once it is away for two minutes while a gorouter works', async function () {
    await using test = await startWithBus(this);
    const { server, bus, clock, table } = test;

    await server.goDown();
    await eventually('the loss', () => bus.states[1]);
    await clock.advance(119_000);
    assert.deepEqual(listing(table), { ...BLOG, ...SHOP });
    await clock.advance(3000);
    await eventually('the routes to go', () => {
      assert.deepEqual(listing(table), BLOG);
      return true;
    });
  });

  it('takes out what NATS said before, if it is never up for a register interval, and keeps what is new', async function () {
    await using test = await startWithBus(this);
    const { server, bus, clock, table, nats } = test;
    const flap = async (): Promise<void> => {
      const states = bus.states.length;
      await server.goDown();
      await eventually('the loss', () => bus.states[states]);
      await clock.advance(15_000);
      await server.comeBack();
      await eventually('the bus', async () => {
        await clock.advance(500);
        return bus.states[states + 1];
      });
      await clock.advance(5000);
    };

    for (let count = 0; count < 4; count++) await flap();
    assert.deepEqual(listing(table), { ...BLOG, ...SHOP });
    while ((nats.ageMs ?? 0) < MAX_AGE_MS) await flap();
    await clock.advance(2000);
    await eventually('the routes to go', () => {
      assert.deepEqual(listing(table), BLOG);
      return true;
    });
    await test.register();
    await clock.advance(2000);
    assert.deepEqual(listing(table), { ...BLOG, ...SHOP });
    await flap();
    await eventually('the routes to go', () => {
      assert.deepEqual(listing(table), BLOG);
      return true;
    });
    await test.register();
    await clock.advance(20_000);

    assert.equal(nats.ageMs, 0);
    assert.deepEqual(listing(table), { ...BLOG, ...SHOP });
  });
});
