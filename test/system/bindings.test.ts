/**
 * The whole way of a binding: `cf create-service`, `cf bind-service`, its metrics in a real
 * Prometheus, `cf unbind-service`; and what is left of it after kill -9.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { sendRaw } from '../serve/frame-server.ts';
import { page, pageOf, status } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { startPrometheus } from '../support/prometheus.ts';
import {
  gorouterValues,
  type PromgateProcess,
  startPromgateProcess,
} from '../support/promgate-process.ts';
import { requireProgram } from '../support/require-program.ts';
import { startScene } from '../support/scene.ts';
import type { Answer } from '../support/simulated-server.ts';
import { gives } from '../support/stored-series.ts';

/** Metrics under `/my-metrics` only, for whoever knows the app's own token. */
const protectedApp: Answer = (exchange) => {
  const { target, headers } = exchange.request;
  if (target !== '/my-metrics') return status(404)(exchange);
  if (headers['authorization'] !== 'Bearer of-the-app') return status(403)(exchange);
  return pageOf(() => 'orders_total 7\ndebug_total 1\n')(exchange);
};

/** The same for everybody. */
const open: Answer = (exchange) => {
  const found = exchange.request.target === '/my-metrics';
  return (found ? page('orders_total 7\n') : status(404))(exchange);
};

const PARAMETERS = {
  endpoint: '/my-metrics',
  headers: { Authorization: 'Bearer of-the-app' },
  labels: { team: 'shop' },
  deny: ['debug_*'],
};
const OPERATOR = { username: 'ops', password: 'open-sesame' };

async function temporaryFolder(parts: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bindings-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function values(folder: string): Record<string, unknown> {
  return {
    broker: BROKER,
    database: {
      url: `sqlite:${path.join(folder, 'promgate.db')}`,
      encryption_key: 'a key of sixteen characters',
    },
    auth: { mode: 'both', operators: [OPERATOR] },
  };
}

async function startShop(
  parts: AsyncDisposableStack,
  more: Readonly<Record<string, unknown>> = {},
) {
  const folder = await temporaryFolder(parts);
  const apps = {
    shop: { space: 'one', answers: [protectedApp, protectedApp] },
    mailer: { space: 'two', answers: [page('mails_total 1\n')] },
  };
  const scene = parts.use(await startScene(apps, { ...values(folder), ...more }));
  const { shop } = scene.apps;
  const spaceId = scene.gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '';
  const platform = new Platform({ url: scene.promgate.url });
  return { ...scene, shop, spaceId, platform, file: path.join(folder, 'promgate.db') };
}

const bearer = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } });

describe('a binding', function () {
  this.timeout(SLOW_MS);

  it('gives Prometheus the metrics of its app until it is unbound', async function () {
    const program = requireProgram(this, 'prometheus');
    await using parts = new AsyncDisposableStack();
    const { promgate, platform, shop, spaceId } = await startShop(parts);
    assert.equal((await platform.createService('i1', spaceId)).status, 201);
    const binding = { appId: shop.guid, spaceId, parameters: PARAMETERS };
    const bound = await platform.bind('i1', 'b1', binding);
    assert.equal(bound.status, 201);
    const { url, token, scrape_config: scrapeConfig } = bound.body.credentials;
    assert.equal(url, `${promgate.url}/v1/apps/${shop.guid}/metrics`);

    const text = await (await fetch(url, bearer(token))).text();
    assert.match(text, /^orders_total\{[^}]*index="0"[^}]*team="shop"\} 7$/m);
    assert.doesNotMatch(text, /debug_total|mails_total/);

    const config = `global: { scrape_interval: 1s }\nscrape_configs:\n${scrapeConfig}`;
    await using prometheus = await startPrometheus({ program, config });
    await gives(prometheus, 'orders_total', ['7', '7']);
    await gives(prometheus, 'count(up)', ['1']);

    assert.equal((await platform.unbind('i1', 'b1')).status, 200);
    await eventually('the token to open nothing', async () =>
      (await fetch(url, bearer(token))).status === 401 ? true : undefined,
    );
    await gives(prometheus, 'orders_total', []);
  });

  it('opens nothing from the answer on that says it was revoked, also where nobody is asked', async () => {
    await using parts = new AsyncDisposableStack();
    const { platform, shop, spaceId } = await startShop(parts, { auth: { mode: 'open' } });
    const binding = { appId: shop.guid, spaceId, parameters: PARAMETERS };

    for (const service of ['i1', 'i2', 'i3', 'i4', 'i5', 'i6']) {
      await platform.createService(service, spaceId);
      const { url, token } = (await platform.bind(service, `b-${service}`, binding)).body
        .credentials;
      const before = await fetch(url, bearer(token));
      await before.arrayBuffer();
      const isAlone = service < 'i4';
      const revoked = isAlone
        ? await platform.unbind(service, `b-${service}`)
        : await platform.deleteService(service);
      const after = await fetch(url, bearer(token));
      await after.arrayBuffer();
      assert.deepEqual([before.status, revoked.status, after.status], [200, 200, 401], service);
    }
  });

  it('holds no more when a backup without it replaces the database, which is away meanwhile', async () => {
    await using parts = new AsyncDisposableStack();
    const { promgate, platform, shop, spaceId, file } = await startShop(parts);
    await platform.createService('i1', spaceId);
    const binding = { appId: shop.guid, spaceId, parameters: PARAMETERS };
    const kept = (await platform.bind('i1', 'b1', binding)).body.credentials;
    const copied = `${file}.copied`;
    using database = new DatabaseSync(file);
    database.exec(`vacuum into '${copied}'`);
    const lost = (await platform.bind('i1', 'b2', binding)).body.credentials;
    const statusWith = async (token: string) => (await fetch(kept.url, bearer(token))).status;
    assert.equal(await statusWith(lost.token), 200);

    await rename(file, `${file}.lost`);
    await eventually('readiness to tell', async () =>
      /"database":"away"/.test(await promgate.text('/readyz')) ? true : undefined,
    );
    assert.equal((await platform.bind('i1', 'b3', binding)).status, 503);
    assert.equal(await statusWith(kept.token), 200);

    await rename(copied, file);
    await eventually('readiness to tell', async () =>
      /"database":"ready"/.test(await promgate.text('/readyz')) ? true : undefined,
    );
    assert.equal((await platform.bind('i1', 'b3', binding)).status, 201);
    assert.equal(await statusWith(lost.token), 401);
    assert.equal(await statusWith(kept.token), 200);
    await promgate.untilLogged(
      'the database of bindings lacks changes that promgate has read from it: if no backup was restored, check that database.url names the right database; promgate reads all bindings again and forgets those that are not in it',
    );
  });

  it('leaves the app to its other bindings when one goes', async () => {
    await using parts = new AsyncDisposableStack();
    const { platform, shop, spaceId } = await startShop(parts);
    await platform.createService('i1', spaceId);
    const binding = { appId: shop.guid, spaceId, parameters: PARAMETERS };
    const [first, second] = [
      await platform.bind('i1', 'b1', binding),
      await platform.bind('i1', 'b2', binding),
    ];
    const { url, token } = second.body.credentials;
    assert.notEqual(first.body.credentials.token, token);

    await platform.unbind('i1', 'b1');

    await eventually('the first token to open nothing', async () =>
      (await fetch(url, bearer(first.body.credentials.token))).status === 401 ? true : undefined,
    );
    const text = await (await fetch(url, bearer(token))).text();
    assert.match(text, /^orders_total\{/m);
    assert.match(text, /^promgate_instance_up\{[^}]*\} 1$/m);
  });

  it('shows its own app, and a service key its own space', async () => {
    await using parts = new AsyncDisposableStack();
    const { promgate, platform, shop, spaceId, apps } = await startShop(parts);
    await platform.createService('i1', spaceId);
    const binding = { appId: shop.guid, spaceId, parameters: PARAMETERS };
    const bound = await platform.bind('i1', 'b1', binding);
    const key = await platform.bind('i1', 'k1', { spaceId });
    const foreign = `/v1/apps/${apps.mailer.guid}/metrics`;

    for (const { body } of [bound, key]) {
      const init = bearer(body.credentials.token);
      assert.equal((await promgate.get(shop.path, init)).status, 200);
      assert.equal((await promgate.get(foreign, init)).status, 404);
      assert.equal((await promgate.get('/metrics', init)).status, 403);
      const listed = (await (await promgate.get('/sd/apps', init)).json()) as readonly {
        readonly labels: Readonly<Record<string, string>>;
      }[];
      assert.deepEqual(
        listed.map(({ labels }) => labels['app_id']),
        [shop.guid],
      );
      const routes = await (await promgate.get('/routes', init)).json();
      assert.deepEqual(Object.keys(routes as object), ['shop.apps.example.com']);
    }
    assert.equal(key.body.credentials.url, `${promgate.url}/sd/apps`);
    assert.equal((await promgate.get(foreign)).status, 401);
  });
});

describe("Promfetcher's own database", function () {
  this.timeout(SLOW_MS);

  it('gives its bindings to promgate, and keeps them for Promfetcher', async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await temporaryFolder(parts);
    const file = path.join(folder, 'promgate.db');
    const shop = { guid: 'b-old', app_guid: '', endpoint: '/my-metrics' };
    const scene = parts.use(await startScene({ shop: { answers: [open] } }, { routes: {} }));
    shop.app_guid = scene.apps.shop.guid;
    const rows = (): unknown[] => {
      using database = new DatabaseSync(file);
      database.exec(
        'create table if not exists app_endpoints (guid text primary key, app_guid text, endpoint text)',
      );
      return database
        .prepare('select * from app_endpoints')
        .all()
        .map((row) => ({ ...row }));
    };
    rows();
    {
      using database = new DatabaseSync(file);
      database.prepare('insert into app_endpoints values (:guid, :app_guid, :endpoint)').run(shop);
    }
    const routes = { gorouter: [gorouterValues(scene.gorouter)] };
    const settings = { ...values(folder), auth: { mode: 'open' }, routes };
    const { broker } = values(folder);
    const adopting = { ...settings, broker: { ...(broker as object), adopt: true } };
    const promgate = parts.use(await startPromgateProcess({ values: adopting }));
    assert.match(await promgate.text(scene.apps.shop.path), /^orders_total\{[^}]*\} 7$/m);
    assert.deepEqual(rows(), [shop]);

    const platform = new Platform({ url: promgate.url });
    assert.equal((await platform.binding('never-stored', 'b-old')).status, 200);
    assert.equal((await platform.bind('never-stored', 'b-new', {})).status, 201);
    assert.equal((await platform.unbind('never-stored', 'b-old')).status, 200);

    await eventually('the app to be asked for /metrics', async () => {
      const text = await promgate.text(scene.apps.shop.path);
      return /^406 .*'\/metrics'/.test(text) ? true : undefined;
    });
    assert.deepEqual(rows(), [shop]);
  });
});

describe('the broker', function () {
  this.timeout(SLOW_MS);

  it('is not there without an account: there is no default password', async () => {
    await using parts = new AsyncDisposableStack();
    const file = await noRoutes(await temporaryFolder(parts));
    const promgate = parts.use(await startPromgateProcess({ values: { routes: { file } } }));
    const platform = new Platform({ url: promgate.url });

    const { status: code, body } = await platform.call('GET', '/catalog');

    assert.deepEqual([code, body.code], [404, 'not-found']);
  });

  it('answers a platform whose requests name no host', async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await temporaryFolder(parts);
    const routes = { file: await noRoutes(folder) };
    const promgate = parts.use(
      await startPromgateProcess({ values: { ...values(folder), routes } }),
    );
    const { port } = new URL(promgate.url);
    const credential = btoa(`${BROKER.username}:${BROKER.password}`);
    const ask = (line: string): Promise<string> =>
      sendRaw(
        Number(port),
        [line, `Authorization: Basic ${credential}`, 'X-Broker-API-Version: 2.15', '', ''].join(
          '\r\n',
        ),
      );

    const catalog = await ask('GET /broker/v2/catalog HTTP/1.0');
    const gone = await ask('DELETE /broker/v2/service_instances/i?service_id=s&plan_id=p HTTP/1.0');

    assert.match(catalog, /^HTTP\/1\.1 200 /);
    assert.match(catalog, new RegExp(`http://127.0.0.1:${port}/doc`));
    assert.match(gone, /^HTTP\/1\.1 410 /);
  });
});

describe('a token where nobody is asked for one', function () {
  this.timeout(SLOW_MS);

  it('shows no more than it opens, and is shown to no app', async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await temporaryFolder(parts);
    const settings = { ...values(folder), auth: { mode: 'open' } };
    const apps = {
      shop: { space: 'one', answers: [page('orders_total 7\n')] },
      mailer: { space: 'two', answers: [page('mails_total 1\n')] },
    };
    const { promgate, ...scene } = parts.use(await startScene(apps, settings));
    const { shop, mailer } = scene.apps;
    const spaceId = scene.gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '';
    const platform = new Platform({ url: promgate.url });
    await platform.createService('i1', spaceId);
    const { token } = (await platform.bind('i1', 'k1', { spaceId })).body.credentials;
    const status = async (where: string, init?: RequestInit): Promise<number> =>
      (await promgate.get(where, init)).status;
    const authorizations = () =>
      [shop, mailer].map(({ instances }) =>
        instances[0]?.requests.map(({ headers }) => headers['authorization']),
      );

    assert.equal(await status(shop.path, bearer(token)), 200);
    assert.equal(await status(mailer.path, bearer(token)), 404);
    assert.deepEqual(authorizations(), [[undefined], []]);

    assert.equal(await status(mailer.path), 200);
    assert.equal(await status(mailer.path, bearer('of-the-app')), 200);
    assert.deepEqual(authorizations()[1], [undefined, 'Bearer of-the-app']);
    for (const value of [
      `Token ${token}`,
      token,
      `Basic ${btoa(`${token}:x`)}`,
      `Bearer ${token},`,
    ]) {
      assert.equal(await status(mailer.path, { headers: { Authorization: value } }), 404, value);
    }
    assert.equal(authorizations()[1]?.length, 2);

    assert.equal((await platform.unbind('i1', 'k1')).status, 200);
    await eventually('the token to be revoked', async () =>
      (await status(shop.path, bearer(token))) === 401 ? true : undefined,
    );
    for (const path of [mailer.path, '/sd/apps', '/routes', '/metrics']) {
      assert.equal(await status(path, bearer(token)), 401, path);
    }
    assert.deepEqual(
      [authorizations()[0]?.includes(`Bearer ${token}`), authorizations()[1]?.length],
      [false, 2],
    );
  });
});

/** What the platform was told: what was answered with 2xx must hold. */
class Ledger {
  readonly #there = new Map<string, string>();

  async bind(platform: Platform, id: string): Promise<void> {
    const { status: code, body } = await platform.bind('i1', id, { appId: `app of ${id}` });
    assert.equal(code, this.#there.has(id) ? 200 : 201);
    const { token } = body.credentials;
    assert.equal(this.#there.get(id) ?? token, token);
    this.#there.set(id, token);
  }

  async unbind(platform: Platform, id: string): Promise<void> {
    const { status: code } = await platform.unbind('i1', id);
    assert.equal(code, this.#there.has(id) ? 200 : 410);
    this.#there.delete(id);
  }

  async check(
    platform: Platform,
    promgate: PromgateProcess,
    ids: readonly string[],
  ): Promise<void> {
    for (const id of ids) {
      const token = this.#there.get(id);
      const { status: code, body } = await platform.binding('i1', id);
      assert.equal(code, token === undefined ? 404 : 200);
      assert.equal(body.credentials?.token, token);
      if (token !== undefined)
        assert.equal((await promgate.get('/sd/apps', bearer(token))).status, 200);
    }
  }
}

describe('what the broker has answered with 2xx', function () {
  this.timeout(SLOW_MS);

  it('is there after kill -9 between any two calls', async () => {
    const ids = ['b1', 'b2', 'b3'];
    const step = fc.record({
      what: fc.constantFrom('bind', 'bind', 'unbind', 'kill'),
      id: fc.constantFrom(...ids),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 8 }), async (steps) => {
        await using parts = new AsyncDisposableStack();
        const folder = await temporaryFolder(parts);
        const start = async (): Promise<PromgateProcess> =>
          startPromgateProcess({
            values: { ...values(folder), routes: { file: await noRoutes(folder) } },
          });
        const ledger = new Ledger();
        let promgate = await start();
        parts.defer(() => promgate[Symbol.asyncDispose]());
        await new Platform({ url: promgate.url }).createService('i1');
        for (const { what, id } of [...steps, { what: 'kill', id: '' }]) {
          const platform = new Platform({ url: promgate.url });
          if (what === 'bind') await ledger.bind(platform, id);
          else if (what === 'unbind') await ledger.unbind(platform, id);
          else {
            promgate.kill('SIGKILL');
            await promgate[Symbol.asyncDispose]();
            promgate = await start();
          }
        }
        await ledger.check(new Platform({ url: promgate.url }), promgate, ids);
      }),
      { numRuns: 6 },
    );
  });
});

async function noRoutes(folder: string): Promise<string> {
  const file = path.join(folder, 'routes.json');
  await writeFile(file, '{}');
  return file;
}
