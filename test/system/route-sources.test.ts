/**
 * Sources of routes that fail, each in its own way: what promgate keeps, says and counts, and that
 * it follows them again.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  gzipBomb,
  hang,
  html,
  lie,
  page,
  redirect,
  resetMidBody,
  response,
  status,
} from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { halved, routesJson } from '../support/foundation.ts';
import { type Gorouter, startGorouter } from '../support/gorouter.ts';
import { SLOW_MS } from '../support/limits.ts';
import {
  gorouterValues,
  type PromgateProcess,
  startPromgateProcess,
} from '../support/promgate-process.ts';
import { type RunningApp, startApp } from '../support/running-app.ts';
import { samplesOf } from '../support/samples.ts';
import { type Answer, startServer } from '../support/simulated-server.ts';

const FAILS = 'routes cannot be read: promgate keeps the last ones';
const WORKS = 'routes are read';
const MIB = 2 ** 20;

/** More than the default bound, all of it valid JSON so far. */
const oversized: Answer = async ({ socket, signal }) => {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${300 * MIB}\r\n\r\n`);
  const blanks = Buffer.alloc(MIB, ' ');
  for (let sent = 0; sent < 300 && !signal.aborted; sent++) {
    if (!socket.write(blanks)) await once(socket, 'drain', { signal }).catch(() => undefined);
  }
};

/** The indexes that the page of an app shows. */
async function indexes(promgate: PromgateProcess, { path }: RunningApp): Promise<string> {
  const text = await promgate.text(path);
  return samplesOf(text, 'promgate_instance_up', {})
    .map(({ labels, value }) => (value === '1' ? labels['index'] : 'down'))
    .join();
}

async function shows(promgate: PromgateProcess, app: RunningApp, expected: string): Promise<void> {
  await eventually(`${app.name} to show ${expected}`, async () =>
    (await indexes(promgate, app)) === expected ? true : undefined,
  );
}

function failures(promgate: PromgateProcess, source: string): Promise<number | undefined> {
  return promgate.metric(`promgate_route_source_failures_total{source="${source}"}`);
}

/** Waits until the log, which is gathered before it is written, says that a source works again. */
function worksAgain(promgate: PromgateProcess, source: string): Promise<true> {
  return eventually('the log to say that it works again', () =>
    times(promgate, WORKS, source) === 2 ? true : undefined,
  );
}

function times({ log }: PromgateProcess, msg: string, source: string): number {
  return log.filter((line) => line.msg === msg && line['source'] === source).length;
}

interface Faulty {
  readonly fault: string;
  readonly source: string;
  readonly gorouter: Gorouter;
  readonly app: RunningApp;
}

describe('a source of routes', function () {
  this.timeout(SLOW_MS);

  it('that fails in whatever way costs no instance, and is followed again', async () => {
    const elsewhere = await startServer(page('{}'));
    const faults: Readonly<Record<string, Answer>> = {
      down: hang, // is taken down
      hanging: hang, // is taken down once it hangs
      'status 500': status(500),
      'status 401': status(401),
      'status 204': status(204),
      redirect: redirect(`http://${elsewhere.address}/routes`),
      html,
      'half of the JSON': page('{"shop.example.com": [{"address": "10.0.0.1:80", "ta'),
      'an array': page('[]'),
      'cut off': lie('{}', 100),
      reset: resetMidBody('{"a.example.com": []}'),
      'larger than 256 MiB': oversized,
      'larger than its bound once unpacked': await gzipBomb(2 * MIB),
    };
    await using parts = new AsyncDisposableStack();
    parts.use(elsewhere);
    const all: Faulty[] = [];
    for (const fault of Object.keys(faults)) {
      const name = fault.replace(/\W/g, '-');
      const app = parts.use(await startApp({ name }, [page('foo 1\n'), page('foo 1\n')]));
      const gorouter = parts.use(await startGorouter(routesJson([app])));
      all.push({ fault, source: `gorouter ${gorouter.url}`, gorouter, app });
    }
    const bound = ({ fault }: Faulty) => (fault.includes('its bound') ? { max_body: '1MiB' } : {});
    const gorouters = all.map((one) => ({ ...gorouterValues(one.gorouter), ...bound(one) }));
    const values = { routes: { gorouter: gorouters } };
    await using promgate = await startPromgateProcess({ values });

    for (const { fault, gorouter, app } of all) {
      if (fault !== 'down') gorouter.fault = faults[fault];
      if (fault === 'hanging') {
        const polls = gorouter.polls.length;
        await eventually('a poll that hangs', () => gorouter.polls[polls]);
        assert.equal(await indexes(promgate, app), '0,1');
      }
      // Of the hanging one too, rather than wait for the deadline of its poll.
      if (faults[fault] === hang) await gorouter.goDown();
    }
    for (const { fault, source } of all) {
      await eventually(
        `two failures of: ${fault}`,
        async () => (((await failures(promgate, source)) ?? 0) >= 2 ? true : undefined),
        { timeoutMs: 40_000 },
      );
    }

    assert.equal((await promgate.get('/readyz')).status, 200);
    for (const { fault, source, app } of all) {
      assert.equal(await indexes(promgate, app), '0,1', fault);
      assert.equal(times(promgate, FAILS, source), 1, fault);
      assert.equal(times(promgate, WORKS, source), 1, fault);
    }
    assert.equal(elsewhere.requests.length, 0);

    for (const { gorouter, app } of all) {
      gorouter.routes = routesJson([{ ...app, addresses: app.addresses.slice(0, 1) }]);
      gorouter.fault = undefined;
      await gorouter.comeBack();
    }
    for (const { source, app } of all) {
      await shows(promgate, app, '0');
      await worksAgain(promgate, source);
      assert.equal(times(promgate, FAILS, source), 1);
    }
    const counted = await promgate.metric('promfetch_scrape_route_failed_total');
    assert.ok((counted ?? 0) >= 2 * all.length);
  });

  it('is waited for while it is slow, with the last table in place', async () => {
    await using app = await startApp({ name: 'shop' }, [page('foo 1\n'), page('foo 1\n')]);
    const before = { ...app, addresses: app.addresses.slice(0, 1) };
    await using gorouter = await startGorouter(routesJson([before]));
    const values = { routes: { gorouter: [gorouterValues(gorouter)] } };
    await using promgate = await startPromgateProcess({ values });
    const gate = Promise.withResolvers<void>();
    const table = response(200, {}, Buffer.from(JSON.stringify(routesJson([app]))));
    gorouter.fault = async ({ socket }) => {
      socket.write(table.subarray(0, table.length / 2));
      await gate.promise;
      socket.write(table.subarray(table.length / 2));
    };
    const polls = gorouter.polls.length;
    await eventually('a poll', () => gorouter.polls[polls]);

    const meanwhile = await indexes(promgate, app);
    gate.resolve();
    await shows(promgate, app, '0,1');

    assert.equal(meanwhile, '0');
    assert.equal(times(promgate, FAILS, `gorouter ${gorouter.url}`), 0);
  });

  it('is one of several whose tables are joined: what one lacks another has', async () => {
    await using app = await startApp({ name: 'shop' }, [page('foo 1\n'), page('foo 1\n')]);
    await using other = await startApp({ name: 'other' }, [page('foo 1\n')]);
    await using first = await startGorouter(routesJson([app, other]));
    await using second = await startGorouter(routesJson([app]));
    const gorouter = [gorouterValues(first), gorouterValues(second)];
    await using promgate = await startPromgateProcess({ values: { routes: { gorouter } } });
    const atStart = [await indexes(promgate, app), await indexes(promgate, other)];

    first.routes = halved(routesJson([app]));
    await eventually('the other app to go', async () => {
      const answer = await promgate.get(other.path);
      await answer.arrayBuffer();
      return answer.status === 404 || undefined;
    });
    const oneHalved = await indexes(promgate, app);
    second.routes = halved(routesJson([app]));
    await shows(promgate, app, '0');
    second.routes = routesJson([app, other]);
    await shows(promgate, other, '0');
    const whole = await indexes(promgate, app);

    assert.deepEqual(atStart, ['0,1', '0']);
    assert.equal(oneHalved, '0,1');
    assert.equal(whole, '0,1');
  });

  it('that gives one plain address to two apps has neither asked, until another tells', async () => {
    await using app = await startApp({ name: 'shop' }, [page('foo 1\n')]);
    const other = { ...app, name: 'other', path: app.path.replace('shop', 'other') };
    await using first = await startGorouter(routesJson([app, other]));
    await using second = await startGorouter({});
    const gorouter = [gorouterValues(first), gorouterValues(second)];
    await using promgate = await startPromgateProcess({ values: { routes: { gorouter } } });

    const inDoubt = [await indexes(promgate, app), await indexes(promgate, other)];
    const asked = app.instances[0]?.requests.length;
    const counted = await promgate.metric('promgate_fetch_failures_total{failure="ambiguous"}');
    second.routes = routesJson([other]);
    await shows(promgate, other, '0');
    const given = await promgate.get(app.path);
    await given.arrayBuffer();

    assert.deepEqual(inDoubt, ['down', 'down']);
    assert.equal(asked, 0);
    assert.equal(counted, 2);
    assert.equal(given.status, 404);
  });

  it('that gives an address away has its former app not asked by scrapes that waited', async () => {
    await using slow = await startApp({ name: 'slow' }, [hang]);
    await using app = await startApp({ name: 'shop' }, [page('others_secret 1\n')]);
    const other = { ...app, name: 'other' };
    await using gorouter = await startGorouter(routesJson([slow, app]));
    await using promgate = await startPromgateProcess({
      values: { routes: { gorouter: [gorouterValues(gorouter)] }, scrape: { concurrency: 1 } },
    });
    const reader = new AbortController();
    const hanging = promgate.get(slow.path, { signal: reader.signal }).catch(() => undefined);
    await eventually('the only slot to be taken', async () => slow.instances[0]?.requests[0]);
    const waiting = promgate.text(app.path);
    await eventually('the scrape to wait', async () =>
      (await promgate.metric('promgate_scrape_waiting')) === 1 ? true : undefined,
    );

    gorouter.routes = routesJson([slow, other]);
    await eventually('the new table to be read', async () =>
      (await promgate.text('/routes')).includes('"app_name":"other"') ? true : undefined,
    );
    reader.abort();
    await hanging;
    const answered = await waiting;

    assert.match(answered, /^promfetcher_scrape_error\{.*error="[^"]*moved[^"]*".*\} 1$/m);
    assert.deepEqual(app.instances[0]?.requests, []);
  });

  it('can be a file: read again when replaced, its last good state kept', async () => {
    await using app = await startApp({ name: 'shop' }, [page('foo 1\n'), page('foo 1\n')]);
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-routes-'));
    await using parts = new AsyncDisposableStack();
    parts.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'routes.json');
    const source = `file ${file}`;
    const replace = async (addresses: readonly string[]): Promise<void> => {
      const fresh = path.join(folder, 'routes.json.new');
      await writeFile(fresh, JSON.stringify(routesJson([{ ...app, addresses }])));
      await rename(fresh, file);
    };
    await replace(app.addresses.slice(0, 1));
    await using promgate = await startPromgateProcess({ values: { routes: { file } } });

    await shows(promgate, app, '0');
    await replace(app.addresses);
    await shows(promgate, app, '0,1');
    await writeFile(file, '{"shop.apps.example.com": [{"addr');
    await promgate.untilLogged(FAILS, { source });
    await rm(file);
    const counted = (await failures(promgate, source)) ?? 0;
    await eventually('further failures', async () =>
      ((await failures(promgate, source)) ?? 0) > counted + 1 ? true : undefined,
    );
    const kept = await indexes(promgate, app);
    await replace(app.addresses.slice(0, 1));
    await shows(promgate, app, '0');

    assert.equal(kept, '0,1');
    await worksAgain(promgate, source);
    assert.equal(times(promgate, FAILS, source), 1);
  });

  it('that has never answered leaves promgate unready and apps unknown for now', async () => {
    await using app = await startApp({ name: 'shop' }, [page('foo 1\n')]);
    await using gorouter = await startGorouter(routesJson([app]));
    await gorouter.goDown();
    const values = { routes: { gorouter: [gorouterValues(gorouter)] } };
    await using promgate = await startPromgateProcess({ values, untilReady: false });
    await promgate.untilLogged(FAILS);

    const answers = await Promise.all(
      ['/readyz', app.path, '/sd/apps', '/healthz'].map((where) => promgate.get(where)),
    );
    await gorouter.comeBack();
    await shows(promgate, app, '0');

    assert.deepEqual(
      answers.map(({ status: code }) => code),
      [503, 503, 503, 200],
    );
    assert.equal(answers[1]?.headers.get('retry-after'), '5');
    assert.equal((await promgate.get('/readyz')).status, 200);
  });
});
