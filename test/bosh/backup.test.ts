/**
 * Backup and restore by bbr: the job's scripts, as rendered, against databases that a running promgate
 * keeps its bindings in.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { Authority } from '../fetch/certificates.ts';
import { page } from '../support/answers.ts';
import { BoshMachine } from '../support/bosh-machine.ts';
import { installBackupRestorer } from '../support/database-backup-restorer.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { BOSH, renderJob } from '../support/erb.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startMariadbServer } from '../support/mariadb-server.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';
import { startScene } from '../support/scene.ts';

const ADAPTERS = { postgres: startPostgresServer, mysql: startMariadbServer } as const;
const bearer = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } });

/** The backup-restore machine of a deployment whose promgate has these properties. */
class BackupMachine implements Disposable {
  readonly #machine = new BoshMachine();
  readonly artifacts: string;

  constructor(context: Mocha.Context, properties: object, release_level_backup = true) {
    const links = { promgate: { instances: [{ address: '10.0.0.1' }], properties } };
    const input = { job: 'bbr-promgatedb', properties: { release_level_backup }, links };
    const { files, error } = renderJob(context, input);
    assert.equal(error, null);
    for (const [name, text] of Object.entries(files)) {
      this.#machine.file(`jobs/bbr-promgatedb/${name}`, text);
    }
    installBackupRestorer(context, this.#machine);
    this.artifacts = path.join(this.#machine.folder, 'store/bbr-backup/bbr-promgatedb/');
    mkdirSync(this.artifacts, { recursive: true });
  }

  /** As bbr does: the script alone decides by its exit status. */
  run(script: 'backup' | 'restore') {
    const file = path.join(this.#machine.folder, 'jobs/bbr-promgatedb/bin/bbr', script);
    const env = { PATH: process.env['PATH'], BBR_ARTIFACT_DIRECTORY: this.artifacts };
    return spawnSync(file, { env, encoding: 'utf8' });
  }

  get dump(): string {
    return path.join(this.artifacts, 'promgatedb_dump');
  }

  [Symbol.dispose](): void {
    this.#machine[Symbol.dispose]();
  }
}

/** A promgate starts, and answers its broker 503, before its database is open. */
async function brokerOf(promgate: PromgateProcess): Promise<Platform> {
  await eventually('the database to be open', async () =>
    (await promgate.text('/readyz')).includes('"database":"ready"') ? true : undefined,
  );
  return new Platform({ url: promgate.url });
}

/** The properties that the manifest would have for the database of this URL. */
function propertiesOf(url: string, adapter: string, port: string | number = new URL(url).port) {
  const { username, password, pathname, hostname } = new URL(url);
  const database = {
    ...{ user: decodeURIComponent(username), password: decodeURIComponent(password), port },
    ...{ name: pathname.slice(1), host: hostname },
  };
  return { promfetcher: { database }, promgate: { database: { adapter } } };
}

describe('bbr-promgatedb', function () {
  this.timeout(SLOW_MS);

  for (const [adapter, start] of Object.entries(ADAPTERS)) {
    describe(`with ${adapter}`, () => {
      let server: DatabaseServer;
      before(async function () {
        server = await start(this);
      });
      after(() => server?.[Symbol.asyncDispose]());

      it('brings bindings back that were lost since the backup, under a running promgate', async function () {
        const url = await server.freshDatabase();
        using machine = new BackupMachine(this, propertiesOf(url, adapter));
        const values = { broker: BROKER, database: { url }, auth: { mode: 'token' } };
        const apps = { shop: { answers: [page('at{path="bound"} 1\n')] } };
        await using scene = await startScene(apps, values);
        const { promgate } = scene;
        const platform = await brokerOf(promgate);
        const { path: shop, guid: appId } = scene.apps.shop;
        const spaceId = scene.gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '';
        const statusOf = async (token: string) => (await promgate.get(shop, bearer(token))).status;
        const become = (token: string, status: number) =>
          eventually(`the token to be answered ${status}`, async () =>
            (await statusOf(token)) === status ? true : undefined,
          );
        await platform.createService('i1', spaceId);
        const parameters = { headers: { 'X-Key': `it's "secret" \\n ; -- %` } };
        const binding = { appId, spaceId, parameters };
        const bound = await platform.bind('i1', 'b1', binding);
        assert.equal(bound.status, 201, JSON.stringify(bound.body));
        const { token } = bound.body.credentials;
        const known = await platform.binding('i1', 'b1');

        const backup = machine.run('backup');
        assert.equal(backup.status, 0, backup.stderr);
        assert.equal((await platform.unbind('i1', 'b1')).status, 200);
        assert.equal((await platform.deleteService('i1')).status, 200);
        await become(token, 401);
        await platform.createService('i2', spaceId);
        const later = await platform.bind('i2', 'later', { appId, spaceId });
        assert.equal(await statusOf(later.body.credentials.token), 200);

        const restore = machine.run('restore');

        assert.equal(restore.status, 0, restore.stderr);
        await become(token, 200);
        await become(later.body.credentials.token, 401);
        assert.deepEqual(await platform.binding('i1', 'b1'), known);
        const again = await platform.bind('i1', 'b1', binding);
        assert.deepEqual([again.status, again.body], [200, bound.body]);
        assert.equal((await platform.unbind('i1', 'b1')).status, 200);
        await become(token, 401);
      });

      it('fills the empty database of a new deployment, whose promgate then knows the tokens', async function () {
        const url = await server.freshDatabase();
        const fresh = await server.freshDatabase();
        const broker = { ...BROKER, url: 'https://promgate.example.com' };
        const values = { broker, auth: { mode: 'token' } };
        const routes = { file: '/dev/null' };
        using old = new BackupMachine(this, propertiesOf(url, adapter));
        using young = new BackupMachine(this, propertiesOf(fresh, adapter));
        let known: unknown;
        {
          await using promgate = await startPromgateProcess({
            values: { ...values, routes, database: { url } },
            untilReady: false,
          });
          const platform = await brokerOf(promgate);
          await platform.createService('i1');
          await platform.bind('i1', 'b1', { parameters: { endpoint: '/old' } });
          known = await platform.binding('i1', 'b1');
        }
        assert.equal(old.run('backup').status, 0);
        copyFileSync(old.dump, young.dump);

        const restore = young.run('restore');

        assert.equal(restore.status, 0, restore.stderr);
        await using promgate = await startPromgateProcess({
          values: { ...values, routes, database: { url: fresh } },
          untilReady: false,
        });
        const platform = await brokerOf(promgate);
        assert.deepEqual(await platform.binding('i1', 'b1'), known);
      });

      it('fails where the server refuses, and where there is nothing to restore', async function () {
        const url = await server.freshDatabase();
        const wrong = Object.assign(new URL(url), { password: 'another' }).href;
        using refused = new BackupMachine(this, propertiesOf(wrong, adapter));
        using empty = new BackupMachine(this, propertiesOf(url, adapter));
        using damaged = new BackupMachine(this, propertiesOf(url, adapter));
        writeFileSync(damaged.dump, 'no dump at all;\n');

        assert.notEqual(refused.run('backup').status, 0);
        assert.notEqual(empty.run('restore').status, 0);
        assert.notEqual(damaged.run('restore').status, 0);
      });

      it('encrypts the connection, and verifies the server, as promgate does', async function () {
        await using authority = await Authority.create();
        const pem = await authority.issue('database', 'IP:127.0.0.1');
        await using secure = await start(this, { tls: pem });
        const url = await secure.freshDatabase();
        const given = propertiesOf(url, adapter);
        const withCa = (ca: string) => ({
          ...given,
          promgate: { database: { adapter, tls: { ca } } },
        });
        await using other = await Authority.create();
        using right = new BackupMachine(this, withCa(authority.ca));
        using wrong = new BackupMachine(this, withCa(other.ca));

        const { status, stderr } = right.run('backup');
        assert.equal(status, 0, stderr);
        assert.notEqual(wrong.run('backup').status, 0);
      });
    });
  }

  it('does nothing, and says so, where release_level_backup is false', function () {
    using machine = new BackupMachine(this, {}, false);

    for (const script of ['backup', 'restore'] as const) {
      const { status, stdout } = machine.run(script);
      assert.deepEqual([status, /left out/.test(stdout)], [0, true]);
    }
    assert.ok(!existsSync(machine.dump));
  });
});

describe('the configuration of a backup', () => {
  const render = (context: Mocha.Context, promgate: object, own: object = {}) => {
    const { files, error } = renderJob(context, {
      ...{ job: 'bbr-promgatedb', properties: { release_level_backup: true, ...own } },
      links: { promgate: { instances: [{ address: '10.0.0.1' }], properties: promgate } },
    });
    return error ?? JSON.parse(files['config/bbr.json']!);
  };

  it('follows promgate.database.url, which promgate prefers itself', function () {
    const url = 'postgres://us%40er:p%2Fa@db.example.com/gate?sslmode=verify-ca';
    const promgate = { database: { url, tls: { ca: '-----BEGIN CERTIFICATE-----' } } };
    const promfetcher = { database: { host: 'sql-db.service.cf.internal', port: 3306 } };

    assert.deepEqual(render(this, { promgate, promfetcher }), {
      ...{ username: 'us@er', password: 'p/a', host: 'db.example.com', port: 5432 },
      ...{ database: 'gate', adapter: 'postgres' },
      tls: { skip_host_verify: true, cert: { ca: '-----BEGIN CERTIFICATE-----' } },
    });
  });

  it('prefers the properties of its own, and writes the port as a number', function () {
    const given = propertiesOf('mysql://u:p@h:3306/n', 'mysql');
    const own = { promfetcher: { database: { user: 'backup', port: '3307' } } };

    const { username, port } = render(this, given, own);

    assert.deepEqual([username, port], ['backup', 3307]);
  });

  it('uses every property that the job declares, and reads over the link what promgate provides', function () {
    const { used, declared } = renderJob(this, {
      job: 'bbr-promgatedb',
      properties: { release_level_backup: true },
      links: {
        promgate: {
          instances: [{ address: 'a' }],
          properties: propertiesOf('mysql://u:p@h:1/n', 'mysql'),
        },
      },
    });
    const spec = parse(readFileSync(`${BOSH}jobs/promgate/spec`, 'utf8'));
    const provided: readonly string[] = spec.provides[0].properties;

    assert.deepEqual([...used].sort(), [...declared].sort());
    const own = declared.filter((name) => name !== 'release_level_backup');
    assert.deepEqual(
      [...own, 'promgate.database.url'].filter((name) => !provided.includes(name)),
      [],
    );
  });

  const wrong: Readonly<Record<string, object>> = {
    'set promfetcher.database.user, or consume the link promgate': {},
    'promgate.database.url names no server, and this job copies no SQLite file': {
      promgate: { database: { url: 'sqlite:/var/vcap/store/promgate/promgate.db' } },
    },
    'promgate.database.url cannot be understood': {
      promgate: { database: { url: 'postgres://u:se cret@h/n' } },
    },
    "promgate.database.tls.ca is a file of promgate's machine": {
      promgate: { database: { url: 'mysql://u:p@h/n', tls: { ca: '/var/vcap/ca.pem' } } },
    },
  };
  for (const [message, properties] of Object.entries(wrong)) {
    it(`is refused with: ${message}`, function () {
      const error = render(this, properties);

      assert.ok(`${error}`.includes(message), `${error}`);
      assert.ok(!`${error}`.includes('se cret'));
    });
  }
});
