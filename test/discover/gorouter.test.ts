import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type GorouterOptions, startGorouter } from '../../src/discover/gorouter.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import {
  gzipBomb,
  hang,
  hangUp,
  lie,
  page,
  redirect,
  status,
  trickle,
} from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { halved, routesJson } from '../support/foundation.ts';
import * as simulated from '../support/gorouter.ts';
import type { Answer, Exchange } from '../support/simulated-server.ts';
import { app, listing } from './endpoints.ts';
import { type Seen, seen } from './seen.ts';

const apps = [app('shop', ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1']), app('blog', ['10.0.0.4:1'])];
const INTERVAL_MS = 15_000;

/** A simulated gorouter, and a source that polls it when the clock says so. */
async function start(more: Partial<GorouterOptions> = {}) {
  await using parts = new AsyncDisposableStack();
  const gorouter = parts.use(await simulated.startGorouter(routesJson(apps)));
  const { url, username, password } = gorouter;
  const table = new RouteTable();
  const clock = fakeClock();
  const told = seen();
  const options = { url, username, password, clock, random: () => 0.5, ...more };
  const source = parts.use(startGorouter(options, table, told.observers));
  const owned = parts.move();
  return {
    gorouter,
    table,
    clock,
    told,
    source,
    /** Waits until `count` polls have ended and the source sleeps. */
    polled: (count: number) => polled(count, told, clock),
    /** Lets the next poll begin and end. */
    async pollAgain() {
      const count = told.polls.length + 1;
      await clock.advance(clock.sleeping[0] ?? 0);
      await polled(count, told, clock);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function polled(count: number, told: Seen, clock: FakeClock): Promise<true> {
  return eventually(`poll ${count} to end`, () =>
    told.polls.length >= count && clock.sleeping.length > 0 ? true : undefined,
  );
}

describe('startGorouter', () => {
  it('polls at once, then every interval, and takes over what is new', async () => {
    await using test = await start();
    assert.equal(test.source.ready, false);

    await test.polled(1);
    assert.equal(test.source.ready, true);
    assert.deepEqual(listing(test.table), {
      'blog.apps.example.com': ['10.0.0.4:1'],
      'shop.apps.example.com': ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'],
    });
    assert.deepEqual(test.clock.sleeping, [INTERVAL_MS]);

    test.gorouter.routes = halved(test.gorouter.routes);
    await test.pollAgain();
    assert.deepEqual(listing(test.table), {
      'blog.apps.example.com': ['10.0.0.4:1'],
      'shop.apps.example.com': ['10.0.0.1:1', '10.0.0.2:1'],
    });

    test.gorouter.routes = {};
    await test.pollAgain();
    await test.pollAgain();
    assert.deepEqual(listing(test.table), {});
    assert.deepEqual(test.told.polls, ['new', 'new', 'same', 'new']);
    assert.deepEqual(test.told.states, ['works']);
  });

  const faults: readonly [what: string, answer: Answer, fault: string][] = [
    ['500', status(500, JSON.stringify(routesJson([]))), 'status'],
    ['204', status(204, ''), 'status'],
    ['a redirect', redirect('/elsewhere'), 'status'],
    ['garbage', page('<html>'), 'json'],
    ['half a table', page('{"shop.apps.example.com":[{"addr'), 'json'],
    ['nothing', page(''), 'json'],
    ['a list', page('[]'), 'shape'],
    ['null', page('null'), 'shape'],
    ['a string', page('"x"'), 'shape'],
    ['a shorter body than it says', lie('{}', 100), 'unreachable'],
    ['a closed connection', hangUp, 'unreachable'],
    ['broken gzip', brokenGzip, 'unreachable'],
    ['a body above the bound', page(`{"x":"${'x'.repeat(20_000)}"}`), 'too-large'],
  ];
  for (const [what, answer, fault] of faults) {
    it(`keeps the last good table when it gets ${what}`, async () => {
      await using test = await start({ maxBodyBytes: 10_000 });
      await test.polled(1);
      const before = listing(test.table);

      test.gorouter.fault = answer;
      await test.pollAgain();
      await test.pollAgain();
      assert.deepEqual(listing(test.table), before);
      assert.equal(test.source.ready, true);
      test.gorouter.fault = undefined;
      await test.pollAgain();

      assert.deepEqual(test.told.polls, ['new', fault, fault, 'same']);
      assert.equal(test.gorouter.polls.length, 4);
      assert.deepEqual(test.told.states, ['works', fault, 'works']);
    });
  }

  for (const [what, answer] of [
    ['never answers', hang],
    ['sends a byte per second', trickle('{}')],
  ] as const) {
    it(`gives up a poll that ${what}`, async () => {
      await using test = await start({ timeoutMs: 50 });
      test.gorouter.fault = answer;

      await eventually('a failed poll', () => test.told.polls[0]);

      // The first poll may have been done before the fault was set.
      await test.pollAgain();
      assert.equal(test.told.polls.at(-1), 'timeout');
    });
  }

  it('gives up a gorouter that is silent, and asks it again within one interval of the start', async () => {
    await using test = await start({ silenceMs: 50 });
    await test.polled(1);
    for (const silent of [hang, trickle('{}', 3_600_000)]) {
      const { length } = test.told.polls;
      test.gorouter.fault = silent;
      await test.clock.advance(test.clock.sleeping[0]! + 10_000); // the poll begins, and lasts
      await test.polled(length + 1);

      assert.equal(test.told.polls.at(-1), 'timeout');
      assert.deepEqual(test.clock.sleeping, [INTERVAL_MS - 10_000]);
    }
  });

  it('counts bytes after decompression', async () => {
    await using test = await start({ maxBodyBytes: 10_000_000 });
    await test.polled(1);

    test.gorouter.fault = await gzipBomb(50_000_000);
    await test.pollAgain();

    assert.equal(test.told.polls.at(-1), 'too-large');
  });

  it('reads a compressed table', async () => {
    await using test = await start();
    await test.polled(1);

    const body = JSON.stringify(routesJson([app('zip', ['10.0.0.9:1'])]));
    test.gorouter.fault = page(body, { gzip: true });
    await test.pollAgain();

    assert.deepEqual(listing(test.table), { 'zip.apps.example.com': ['10.0.0.9:1'] });
  });

  it('is read again within one interval, however often it failed', async () => {
    await using test = await start();
    await test.polled(1);
    await test.gorouter.goDown();

    const pauses: (number | undefined)[] = [];
    for (let poll = 0; poll < 5; poll++) {
      await test.pollAgain();
      pauses.push(test.clock.sleeping[0]);
    }
    await test.gorouter.comeBack();
    await test.pollAgain();

    assert.deepEqual(pauses, [15_000, 15_000, 15_000, 15_000, 15_000]);
    assert.deepEqual(test.clock.sleeping, [INTERVAL_MS]);
    assert.deepEqual(test.told.states, ['works', 'unreachable', 'works']);
  });

  it('tries again soon while there is no table yet, and is not ready', async () => {
    await using test = await start({ password: 'wrong' });
    await test.polled(1);

    const pauses = [test.clock.sleeping[0]];
    await test.pollAgain();
    pauses.push(test.clock.sleeping[0]);

    assert.deepEqual(pauses, [1000, 2000]);
    assert.equal(test.source.ready, false);
    assert.deepEqual(test.told.polls, ['status', 'status']);
    assert.deepEqual(test.told.states, ['status']);
  });

  it('drifts apart from others by a tenth of the interval', async () => {
    for (const [random, pauseMs] of [
      [0, 13_500],
      [0.999999, 16_500],
    ] as const) {
      await using test = await start({ random: () => random });
      await test.polled(1);
      assert.equal(Math.round(test.clock.sleeping[0] ?? 0), pauseMs);
    }
  });

  it('says nothing of its credentials', async () => {
    await using test = await start({ password: 'top-secret' });
    await test.gorouter.goDown();
    await test.polled(1);
    await test.pollAgain();

    const told = test.told.errors.map((error) => JSON.stringify([error, error.stack, error.cause]));
    assert.ok(told.length > 0);
    assert.doesNotMatch(told.join(), /top-secret/);
    await using named = startGorouter(
      { url: 'http://me:top-secret@127.0.0.1:1/routes?token=top-secret', clock: fakeClock() },
      new RouteTable(),
    );
    assert.equal(named.name, 'gorouter http://127.0.0.1:1/routes');
  });

  it('sends its credentials to no other host', async () => {
    const asked: string[] = [];
    await using other = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.end('{}');
    });
    await using test = await start();
    await test.polled(1);

    test.gorouter.fault = redirect(other.url);
    await test.pollAgain();

    assert.equal(test.told.polls.at(-1), 'status');
    assert.deepEqual(asked, []);
  });

  it('ends at once when it is disposed of during a poll', async () => {
    await using test = await start();
    await test.polled(1);
    test.gorouter.fault = hang;
    await test.clock.advance(INTERVAL_MS);
    await eventually('the poll to begin', () => test.gorouter.polls[1]);

    await test.source[Symbol.asyncDispose]();

    assert.deepEqual(test.told.polls, ['new']);
    assert.deepEqual(test.clock.sleeping, []);
  });

  it('joins several gorouters: what any of them lists is listed once', async () => {
    await using first = await simulated.startGorouter(routesJson(apps));
    await using second = await simulated.startGorouter(
      routesJson([apps[1] ?? apps[0]!, app('more', ['10.0.0.9:1'])]),
    );
    const table = new RouteTable();
    const clock = fakeClock();
    await using stack = new AsyncDisposableStack();
    const told = [first, second].map(({ url, username, password }) => {
      const one = seen();
      stack.use(startGorouter({ url, username, password, clock }, table, one.observers));
      return one;
    });
    await eventually('both polls', () => (told.every((one) => one.polls[0]) ? true : undefined));

    assert.deepEqual(Object.keys(listing(table)), [
      'blog.apps.example.com',
      'more.apps.example.com',
      'shop.apps.example.com',
    ]);
    assert.equal(table.sizes().endpoints, 5);
    first.routes = {};
    for (const poll of [1, 2]) {
      await eventually('both to sleep', () => (clock.sleeping.length === 2 ? true : undefined));
      await clock.advance(2 * INTERVAL_MS);
      await eventually('the next polls', () =>
        told.every((one) => one.polls[poll]) ? true : undefined,
      );
    }

    assert.deepEqual(listing(table), {
      'blog.apps.example.com': ['10.0.0.4:1'],
      'more.apps.example.com': ['10.0.0.9:1'],
    });
  });
});

function brokenGzip({ socket }: Exchange): void {
  const body = gzipSync('{}').subarray(0, 12);
  socket.write(
    `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
}

async function serve(listener: http.RequestListener) {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // no pipe: an address object
  return {
    url: `http://127.0.0.1:${port}/routes`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
