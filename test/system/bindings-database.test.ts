/**
 * Replicas over one database, and what they do while it is away.
 */
import assert from 'node:assert/strict';
import { page } from '../support/answers.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { startPostgresServer, startPostgresStandby } from '../support/postgres-server.ts';
import {
  gorouterValues,
  type PromgateProcess,
  startPromgateProcess,
} from '../support/promgate-process.ts';
import { startScene } from '../support/scene.ts';

const KEY = { encryption_key: 'a key of sixteen characters' };
const OPERATOR = { username: 'ops', password: 'open-sesame' };
const ops = { headers: { Authorization: `Basic ${btoa('ops:open-sesame')}` } };
const bearer = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } });

describe('replicas with one database', function () {
  this.timeout(SLOW_MS);

  let database: DatabaseServer;

  before(async function () {
    database = await startPostgresServer(this);
  });
  after(() => database?.[Symbol.asyncDispose]());

  /** Two replicas in front of one app. */
  async function startReplicas(auth: object = {}) {
    await using parts = new AsyncDisposableStack();
    const url = await database.freshDatabase();
    const values = {
      broker: BROKER,
      database: { url, ...KEY },
      auth: { mode: 'both', operators: [OPERATOR], ...auth },
    };
    const apps = { shop: { answers: [page('at{path="bound"} 1\n')] } };
    const scene = parts.use(await startScene(apps, values));
    const routes = { gorouter: [gorouterValues(scene.gorouter)] };
    const other = parts.use(await startPromgateProcess({ values: { ...values, routes } }));
    const spaceId = scene.gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '';
    const one = new Platform({ url: scene.promgate.url });
    await one.createService('i1', spaceId);
    const bind = (id: string) => one.bind('i1', id, { appId: scene.apps.shop.guid, spaceId });
    const owned = parts.move();
    return {
      one,
      two: new Platform({ url: other.url }),
      replicas: [scene.promgate, other],
      shop: scene.apps.shop,
      spaceId,
      url,
      bind,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  const statusOf = async (replica: PromgateProcess, path: string, init: RequestInit) =>
    (await replica.get(path, init)).status;

  it('take the token of a fresh binding on every replica at once', async () => {
    await using scene = await startReplicas();
    const { token } = (await scene.bind('b1')).body.credentials;

    for (const replica of scene.replicas) {
      assert.equal(await statusOf(replica, scene.shop.path, bearer(token)), 200);
    }
  });

  it('refuse a revoked token on every replica, and forget its endpoints', async () => {
    await using scene = await startReplicas();
    const { token } = (await scene.bind('b1')).body.credentials;
    for (const replica of scene.replicas) await statusOf(replica, scene.shop.path, bearer(token));

    assert.equal((await scene.two.unbind('i1', 'b1')).status, 200);

    for (const replica of scene.replicas) {
      await eventually('the token to be refused', async () =>
        (await statusOf(replica, scene.shop.path, bearer(token))) === 401 ? true : undefined,
      );
    }
  });

  it('answer the same binding made on both at once with one 201 and one 200', async () => {
    await using scene = await startReplicas();
    const bind = (platform: Platform, endpoint: string, id: string) =>
      platform.bind('i1', id, { spaceId: scene.spaceId, parameters: { endpoint } });

    const equal = await Promise.all([bind(scene.one, '/a', 'same'), bind(scene.two, '/a', 'same')]);
    const different = await Promise.all([
      bind(scene.one, '/a', 'other'),
      bind(scene.two, '/b', 'other'),
    ]);

    assert.deepEqual(equal.map(({ status }) => status).sort(), [200, 201]);
    assert.equal(equal[0]?.body.credentials.token, equal[1]?.body.credentials.token);
    assert.deepEqual(different.map(({ status }) => status).sort(), [201, 409]);
  });

  it('go on with what they know while the database is away, and by themselves when it is back', async () => {
    await using scene = await startReplicas();
    const [replica] = scene.replicas as [PromgateProcess, PromgateProcess];
    const { token } = (await scene.bind('b1')).body.credentials;
    assert.equal(await statusOf(replica, scene.shop.path, bearer(token)), 200);

    await database.goDown();
    await replica.untilLogged('the database of bindings is away: what is known of it holds');
    assert.equal(await statusOf(replica, scene.shop.path, bearer(token)), 200);
    const refused = await scene.bind('b2');
    assert.equal(refused.status, 503);
    assert.match(refused.body.description, /database/);
    assert.equal(await statusOf(replica, '/readyz', {}), 200);
    assert.match(await replica.text('/readyz'), /"database":"away"/);

    await database.comeBack();
    await replica.untilLogged('the database of bindings is back');
    assert.equal((await scene.bind('b2')).status, 201);
    assert.equal((await scene.one.binding('i1', 'b1')).body.credentials.token, token);
    assert.match(await replica.text('/readyz'), /"database":"ready"/);
  });

  it('trust no token once the database has been away for auth.max_stale', async () => {
    await using scene = await startReplicas({ max_stale: '1s' });
    const [replica] = scene.replicas as [PromgateProcess, PromgateProcess];
    const { token } = (await scene.bind('b1')).body.credentials;

    await database.goDown();
    await eventually('the token to be doubted', async () => {
      const status = await statusOf(replica, scene.shop.path, bearer(token));
      return status === 503 ? true : undefined;
    });
    assert.equal(await statusOf(replica, scene.shop.path, ops), 200, 'operators need no database');
    await database.comeBack();

    await eventually('the token to be trusted again', async () => {
      const status = await statusOf(replica, scene.shop.path, bearer(token));
      return status === 200 ? true : undefined;
    });
  });

  it('say so while the server only follows another one, and go on when it is the primary', async function () {
    await using scene = await startReplicas();
    await using standby = await startPostgresStandby(this, scene.url);
    const values = {
      broker: BROKER,
      database: { url: standby.urlOf(scene.url), ...KEY },
      routes: {},
    };
    await using replica = await startPromgateProcess({ values });
    const platform = new Platform({ url: replica.url });

    assert.match(await replica.text('/readyz'), /"database":"away"/);
    assert.equal((await platform.createService('i2')).status, 503);

    await standby.promote();
    await replica.untilLogged('the database of bindings is open');
    assert.equal((await platform.createService('i2')).status, 201);
    assert.match(await replica.text('/readyz'), /"database":"ready"/);
  });

  it('say at the start that their key does not open what is stored, until it does', async () => {
    await using scene = await startReplicas();
    await scene.bind('b1');
    const { url } = scene;
    const start = (keys: object) =>
      startPromgateProcess({ values: { broker: BROKER, database: { url, ...keys }, routes: {} } });
    const another = { encryption_key: 'another key of an operator' };

    await using wrong = await start(another);
    await wrong.untilLogged(
      'the configured keys do not open what is stored: put its key under database.old_encryption_keys',
    );
    assert.match(await wrong.text('/readyz'), /"database":"wrong-key"/);

    await using right = await start({ ...another, old_encryption_keys: [KEY.encryption_key] });
    assert.match(await right.text('/readyz'), /"database":"ready"/);
  });

  it('start while the database is away, and open it when it is there', async () => {
    const url = await database.freshDatabase();
    await database.goDown();
    const values = { broker: BROKER, database: { url, ...KEY }, routes: {} };
    await using replica = await startPromgateProcess({ values, untilReady: false });
    const platform = new Platform({ url: replica.url });
    await replica.untilLogged('the database of bindings is away: it is tried again');
    assert.equal((await platform.createService('i1')).status, 503);

    await database.comeBack();

    await replica.untilLogged('the database of bindings is open');
    assert.equal((await platform.createService('i1')).status, 201);
  });
});
