/** The API of the status page, and the files of the page. */
import assert from 'node:assert/strict';
import { openHistory, openStatus } from '../../src/assemble/status.ts';
import { steadySeconds } from '../../src/clock.ts';
import type { Instance } from '../../src/discover/instance.ts';
import { answerProblem } from '../../src/serve/answer-problem.ts';
import { UNBOUND } from '../../src/serve/app-settings.ts';
import { heedToken, readersOnly, requireCredential, type Tokens } from '../../src/serve/auth.ts';
import { Readiness } from '../../src/serve/health.ts';
import type { Handler } from '../../src/serve/request.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { requestText, sendRaw, serveFrame } from '../serve/frame-server.ts';
import { guidOf, instance } from '../serve/instances.ts';

const TOKEN = 'token-of-the-dev-space';
const TENANT = { Authorization: `Bearer ${TOKEN}` };
const OPERATOR = { Authorization: `Basic ${Buffer.from('ops:secret').toString('base64')}` };

const SHOP = [instance('shop', '0', '10.0.0.1:80'), instance('shop', '1', '10.0.0.2:80')];
const OTHER = { space_id: 's-2', space_name: 'secret-space', organization_name: 'rivals' };
const VAULT = [instance('vault', '0', '10.0.0.3:80', OTHER)];

const NEVER: Handler = (ctx) => {
  ctx.body = `asked ${ctx.state.target.path}`;
};

interface SiteOptions {
  readonly apps?: readonly (readonly Instance[])[];
  readonly isOpen?: boolean;
  /** Called before instances are looked up. */
  readonly onLookup?: () => void;
}

async function serve({ apps = [SHOP, VAULT], isOpen = false, onLookup }: SiteOptions = {}) {
  const registry = new MetricRegistry();
  registry.level('promgate_apps', 'Apps.', () => apps.length);
  const readiness = new Readiness();
  readiness.expect([{ name: 'gorouter http://10.9.9.9/routes', ready: true, ageMs: 0 }]);
  const history = openHistory({ maxBytes: 64 * 2 ** 20 });
  const table = {
    version: 1,
    apps: function* () {
      yield* apps;
    },
    byApp: (appId: string) => {
      onLookup?.();
      return apps.flat().filter(({ app }) => app.appId === appId);
    },
  };
  const tokens: Tokens = {
    scopeOf: async (token) => (token === TOKEN ? { appId: undefined, spaceId: 's-1' } : undefined),
  };
  const operators = [{ username: 'ops', password: 'secret' }];
  const admit = isOpen ? heedToken(tokens) : requireCredential({ mode: 'both', operators, tokens });
  const mistakes: unknown[] = [];
  let refused = 0;
  const part = openStatus(
    {
      admit: readersOnly(admit),
      onMistake: (error) => mistakes.push(error),
      auth: {
        ...{
          mode: isOpen ? 'open' : 'both',
          operators: [],
          trustedProxies: [],
          identity: undefined,
          maxStaleMs: 60_000,
        },
      },
      settingsOf: () => UNBOUND,
      history,
      apps: {
        table,
        sources: [
          {
            name: 'gorouter http://10.9.9.9/routes',
            ready: true,
            ageMs: 0,
            works: true,
            lapse: async () => {},
            [Symbol.asyncDispose]: async () => {},
          },
        ],
        askNow: NEVER,
      },
      onRefused: () => {
        refused += 1;
      },
    },
    { registry, readiness },
  );
  const root = {
    prefix: '',
    admit,
    errors: answerProblem(() => {}),
    router: part.mounts[2]!.router,
  };
  const server = await serveFrame({ mounts: part.mounts, root });
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(server.url + path, { headers });
    const text = await answer.text();
    return { status: answer.status, text, headers: answer.headers };
  };
  const json = async (path: string, headers: Record<string, string>) =>
    JSON.parse((await get(path, headers)).text);
  const record = (of: readonly Instance[], failed: number): void =>
    history.record(
      of[0]!.app.appId,
      of.map((one, at) => ({
        ...{ app: one.app, instance: one, path: '/metrics', durationSeconds: 0.25, bytes: 100 },
        samples: 7,
        failure: at < failed ? ('status-5xx' as const) : undefined,
        ...{ status: at < failed ? 503 : undefined, detail: undefined },
      })),
      of,
      steadySeconds(),
    );
  return {
    ...{ get, json, record, mistakes, port: server.port },
    refused: () => refused,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe('the API of the status page', () => {
  it('lists and counts the apps that the credential shows, and no others', async () => {
    await using site = await serve();
    site.record(SHOP, 1);
    site.record(VAULT, 1);

    const all = await site.json('/status/apps', OPERATOR);
    const own = await site.json('/status/apps', TENANT);
    const searched = await site.json('/status/apps?q=vault', TENANT);
    const failing = await site.json('/status/apps?state=failing', TENANT);

    assert.deepEqual(
      all.apps.map(({ app }: { app: string }) => app),
      ['shop', 'vault'],
    );
    assert.deepEqual(own.counts, { all: 1, failing: 1, up: 0, unasked: 0 });
    assert.deepEqual(searched.counts, { all: 0, failing: 0, up: 0, unasked: 0 });
    assert.deepEqual(searched.apps, []);
    const { askedSecondsAgo, ...row } = own.apps[0];
    assert.ok(askedSecondsAgo < 60);
    assert.deepEqual(row, {
      ...{ guid: guidOf('shop'), organization: 'acme', space: 'dev', app: 'shop' },
      ...{ instances: 2, up: 1, down: 1, unasked: 0, failures: ['status-5xx'] },
    });
    assert.deepEqual(failing.apps.length, 1);
    assert.doesNotMatch(JSON.stringify([own, searched, failing]), /rivals|vault|secret/);
  });

  it('answers for an app of others as for none at all, also for its page', async () => {
    await using site = await serve();
    site.record(VAULT, 1);
    const nobody = guidOf('nobody');

    for (const path of ['', '/page']) {
      const foreign = await site.get(`/status/apps/${guidOf('vault')}${path}`, TENANT);
      const none = await site.get(`/status/apps/${nobody}${path}`, TENANT);

      assert.equal(foreign.status, 404);
      assert.deepEqual([foreign.status, foreign.text], [none.status, none.text]);
    }
    const own = await site.get(`/status/apps/${guidOf('shop')}/page`, TENANT);
    assert.equal(own.text, `asked /v1/apps/${guidOf('shop')}/metrics`);
  });

  it('tells of each instance the last result, why and what to do, and its history', async () => {
    await using site = await serve();
    site.record(SHOP, 1);

    const app = await site.json(`/status/apps/${guidOf('shop')}`, TENANT);

    const [down, up] = app.items;
    assert.equal(down.failure, 'status-5xx');
    assert.equal(down.status, 503);
    assert.match(down.what, /^[A-Z].*\.$/);
    assert.match(down.remedy, /^[A-Z].*\.$/);
    assert.equal(up.state, 'up');
    assert.equal(up.samples, 7);
    assert.equal(up.history.durations.length, app.slots);
    assert.ok(up.history.durations.includes(0.25));
    assert.ok(down.history.failures.includes('status-5xx'));
  });

  it('shows the figures of promgate and the names of sources to operators only', async () => {
    await using site = await serve();

    const all = await site.json('/status/overview', OPERATOR);
    const own = await site.json('/status/overview', TENANT);

    assert.deepEqual(all.figures['promgate_apps'], [{ labels: {}, value: 2 }]);
    assert.equal(all.sources[0].name, 'gorouter http://10.9.9.9/routes');
    assert.equal(own.figures, undefined);
    assert.deepEqual(own.sources, [{ kind: 'gorouter', state: 'ready', ageSeconds: 0 }]);
    assert.deepEqual(own.reader, { sees: 'space' });
  });

  it('needs a credential; the files of the page need none', async () => {
    await using site = await serve();

    const paths = ['/status/overview', '/status/apps', `/status/apps/${guidOf('shop')}`];
    const statuses = await Promise.all(paths.map(async (path) => (await site.get(path)).status));
    const page = await site.get('/');
    const policy = page.headers.get('content-security-policy') ?? '';
    const files = [...page.text.matchAll(/(?:src|href)="(\/status\/assets\/[^"]+)"/g)];
    const outside = page.text.match(/https?:\/\//);

    assert.deepEqual(statuses, [401, 401, 401]);
    assert.equal(page.status, 200);
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(outside, null);
    assert.ok(files.length >= 3);
    for (const [, file = ''] of files) {
      const { status, headers } = await site.get(file);
      assert.equal(status, 200, file);
      const etag = `If-None-Match: ${headers.get('etag')}`;
      const again = await sendRaw(site.port, requestText(file, [etag])); // fetch adds no-cache
      assert.match(again, /^HTTP\/1\.1 304 /, file);
    }
    for (const path of ['/status/assets/../main.ts', '/status/assets/tsconfig.json', '//x']) {
      assert.notEqual((await site.get(path)).status, 200, path);
    }
  });

  it('refuses a reader who asks too often, and nobody else', async () => {
    await using site = await serve();
    const asks = Array.from({ length: 80 }, () => site.get('/status/apps', TENANT));

    const statuses = (await Promise.all(asks)).map(({ status }) => status);
    const other = await site.get('/status/apps', OPERATOR);

    assert.ok(statuses.includes(503));
    assert.equal(site.refused(), statuses.filter((status) => status === 503).length);
    assert.equal(other.status, 200);
  });

  it('answers pages of 20,000 apps without a long turn, and all of them once', async () => {
    const apps = Array.from({ length: 20_000 }, (_, at) => [
      instance('x', '0', `10.0.${at >> 8}.${at & 255}:80`, {
        app_id: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
        app_name: `app-${at}`,
      }),
    ]);
    await using site = await serve({ apps });

    const first = await site.json('/status/apps?limit=100', OPERATOR);
    const last = await site.json('/status/apps?limit=100&offset=19950', OPERATOR);
    const found = await site.json('/status/apps?q=app-1999', OPERATOR);

    assert.equal(first.counts.all, 20_000);
    assert.equal(first.apps.length, 100);
    assert.equal(last.apps.length, 50);
    assert.equal(found.counts.all, 11);
    assert.deepEqual(site.mistakes, []);
  });

  it('gives other work a turn between the rows of apps that take long', async () => {
    const apps = ['a', 'b', 'c', 'd'].map((name) => [instance(name, '0', `10.0.0.1:80`)]);
    let turn = 0;
    const turns = new Set<number>();
    const onLookup = (): void => {
      turns.add(turn);
      const startedMs = performance.now();
      while (performance.now() - startedMs < 10);
    };
    await using site = await serve({ apps, onLookup });
    let isOver = false;
    const count = (): void => {
      turn += 1;
      if (!isOver) setImmediate(count);
    };
    count();

    const { apps: rows } = await site.json('/status/apps', OPERATOR);
    isOver = true;

    assert.equal(rows.length, 4);
    assert.equal(turns.size, 4, 'no two rows in one turn');
  });

  it('keeps its charts and ages when the clock of the system is set back', async () => {
    await using site = await serve();
    const systemNow = Date.now;
    const path = `/status/apps/${guidOf('shop')}`;
    site.record(SHOP, 0);

    try {
      Date.now = () => systemNow() - 3_600_000;
      site.record(SHOP, 1);
      const app = await site.json(path, TENANT);

      const [down, up] = app.items;
      assert.ok(down.history.failures.includes('status-5xx'));
      assert.ok(up.history.durations.includes(0.25));
      assert.ok(up.askedSecondsAgo < 60);
      assert.ok(Math.abs(app.endsAtSeconds - Date.now() / 1000) < 60, "the browser's time");
    } finally {
      Date.now = systemNow;
    }
  });

  it('counts operators behind one proxy one by one, and nobody else', async () => {
    const from = (address: string) => ({ 'X-Forwarded-For': address });
    const flood = async (site: Awaited<ReturnType<typeof serve>>, credential: object) => {
      const headers = { ...credential, ...from('192.0.2.1') };
      await Promise.all(Array.from({ length: 80 }, () => site.get('/status/apps', headers)));
      return (await site.get('/status/apps', { ...credential, ...from('192.0.2.2') })).status;
    };
    await using closed = await serve();
    await using open = await serve({ isOpen: true });

    assert.equal(await flood(closed, OPERATOR), 200);
    assert.equal(await flood(open, {}), 503, 'anyone may claim any address');
    assert.ok(closed.refused() > 0);
  });
});
