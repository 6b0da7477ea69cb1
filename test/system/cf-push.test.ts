/**
 * A rehearsal of `cf push`: what the platform does with `manifest.yml`, under the oldest Node that
 * its buildpack offers and under the one that promgate is developed with.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import packageJson from '../../package.json' with { type: 'json' };
import { page, response, TEXT_TYPE } from '../support/answers.ts';
import { passServices, type Service, type Way } from '../support/bound-services.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { eventually } from '../support/eventually.ts';
import { expositionPage } from '../support/exposition-pages.ts';
import { routesJson } from '../support/foundation.ts';
import { type Gorouter, startGorouter } from '../support/gorouter.ts';
import { lastingPort } from '../support/lasting-port.ts';
import { SLOW_MS } from '../support/limits.ts';
import { readManifest } from '../support/manifest.ts';
import { makeMemoryGroup } from '../support/memory-group.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { gorouterValues } from '../support/promgate-process.ts';
import { type StagedApp, stageApp, startPushedApp } from '../support/pushed-app.ts';
import { read } from '../support/reader.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { type RunningApp, startApp } from '../support/running-app.ts';
import { samplesOf } from '../support/samples.ts';
import type { Answer } from '../support/simulated-server.ts';

const ROOT = new URL('../../node_modules/', import.meta.url);
const NODES = { '24.15.0': 'node-oldest/bin', ours: 'node/bin' };

/** What the platform grants at a start of a container, and at its end. */
const START_MS = 5_000;
const END_MS = 9_000;
/** A busy machine may start a process late: the best of so many starts counts. */
const STARTS = 3;

const CONTAINER_BYTES = 256 * 1024 * 1024;
const INSTANCES = 100;
const PAGE_BYTES = 50_000;
const READERS = 4;
const SCRAPES = 40;

/** So many instances serve so many lines each, 15 MB, to so many readers at once. */
const HUGE_INSTANCES = 60;
const HUGE_LINES = 1_400_000;
const HUGE_READERS = 2;

const OPERATOR = { username: 'prometheus', password: 'open-sesame' };

/** Answers when the test says so. */
function gate(answer: Answer): { readonly answer: Answer; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    answer: async (exchange) => {
      await promise;
      await answer(exchange);
    },
    open: resolve,
  };
}

/** Reads an answer that is larger than a string may be. @returns its size */
async function readAway(url: string, headers: Record<string, string>): Promise<number> {
  const { body } = await fetch(url, { headers });
  let sizeBytes = 0;
  for await (const chunk of body ?? []) sizeBytes += chunk.length;
  return sizeBytes;
}

describe('cf push', function () {
  this.timeout(SLOW_MS);

  const { app: manifest, variables } = readManifest();
  let database: DatabaseServer;
  let redis: RedisServer;
  let shop: RunningApp;
  let slow: RunningApp;
  let huge: RunningApp;
  let gorouter: Gorouter;
  let late = gate(page('late 1\n'));

  before(async function () {
    database = await startPostgresServer(this);
    redis = await startRedisServer(this, { password: 'redis-password' });
    const pages = Array.from({ length: INSTANCES }, (_, seed) =>
      page(expositionPage({ sizeBytes: PAGE_BYTES, seed })),
    );
    shop = await startApp({ name: 'shop' }, pages);
    slow = await startApp({ name: 'slow' }, [
      page('early 1\n'),
      (exchange) => late.answer(exchange),
    ]);
    const zipped = gzipSync('a{b="c"} 1\n'.repeat(HUGE_LINES));
    const fields = { 'Content-Type': TEXT_TYPE, 'Content-Encoding': 'gzip' };
    const whole = response(200, fields, zipped);
    huge = await startApp(
      { name: 'huge' },
      new Array<Answer>(HUGE_INSTANCES).fill(({ socket }) => void socket.write(whole)),
    );
    gorouter = await startGorouter(routesJson([shop, slow, huge]));
  });
  after(async () => {
    for (const part of [gorouter, huge, shop, slow, redis, database])
      await part?.[Symbol.asyncDispose]();
  });

  const lateInstance = () => slow.instances[1]!; // it has two

  /** The bound services, by the names of `vars.yml`. */
  async function services(): Promise<readonly Service[]> {
    const { config_service, database_service, redis_service } = variables;
    const configuration = {
      routes: { gorouter: [gorouterValues(gorouter)] },
      broker: BROKER,
      auth: { operators: [OPERATOR] },
      database: { encryption_key: 'a key of sixteen characters' },
    };
    const { hostname, port, username, password, pathname } = new URL(
      await database.freshDatabase(),
    );
    return [
      { name: config_service!, credentials: configuration },
      {
        name: database_service!,
        label: 'postgres',
        tags: ['postgresql', 'relational'],
        credentials: {
          ...{ hostname, port: Number(port), database: pathname.slice(1) },
          username: decodeURIComponent(username),
          password: decodeURIComponent(password),
        },
      },
      {
        name: redis_service!,
        label: 'redis',
        tags: ['redis'],
        credentials: { host: '127.0.0.1', port: redis.port, password: 'redis-password' },
      },
    ];
  }

  async function start(staged: StagedApp, way: Way = 'VCAP_SERVICES') {
    await using parts = new AsyncDisposableStack();
    const group = await makeMemoryGroup(CONTAINER_BYTES);
    if (group) parts.use(group);
    const bound = parts.use(await passServices(await services()));
    const port = await lastingPort();
    const url = `http://127.0.0.1:${port}`;
    const environment = {
      ...manifest.env,
      PORT: String(port),
      MEMORY_LIMIT: manifest.memory,
      CF_INSTANCE_INDEX: '1',
      VCAP_APPLICATION: JSON.stringify({
        application_id: '0f5d3f64-8a52-4a5e-9c9e-1d0c2f4b6a11',
        application_name: manifest.name,
        organization_name: 'platform',
        space_name: 'monitoring',
      }),
      ...bound.ways[way],
    };
    const startedMs = performance.now();
    const program = parts.use(
      startPushedApp(staged, { command: manifest.command, environment, group }),
    );
    const ended = program.exited.then(({ code, signal }) => {
      throw new Error(
        `it ended with ${code} ${signal}: ${program.lines.join('\n')}${program.errors}`,
      );
    });
    ended.catch(() => undefined); // raced below; later on the test waits for the end itself
    const isOk = (where: string) => async (): Promise<true | undefined> =>
      (await read(url + where)).status === 200 || undefined;
    for (const where of ['/healthz', '/readyz']) {
      await Promise.race([eventually(`${where} to be 200`, isOk(where)), ended]);
    }
    const owned = parts.move();
    return {
      ...{ url, program, hasGroup: group !== undefined },
      startMs: performance.now() - startedMs,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  /** The token of a binding of an app, as an app team gets it. */
  async function headersFor({ guid }: RunningApp, url: string): Promise<Record<string, string>> {
    const platform = new Platform({ url });
    await eventually('the database to be open', async () =>
      (await read(`${url}/readyz`)).body.includes('"database":"ready"') ? true : undefined,
    );
    const spaceId = gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '';
    await platform.createService('i1', spaceId);
    const { body } = await platform.bind('i1', 'b1', { appId: guid, spaceId });
    return { Authorization: `Bearer ${body.credentials.token}` };
  }

  for (const [version, folder] of Object.entries(NODES)) {
    describe(`under Node ${version}`, () => {
      let staged: StagedApp;

      before(async () => {
        staged = await stageApp(fileURLToPath(new URL(folder, ROOT)));
      });
      after(() => staged?.[Symbol.asyncDispose]());

      it('sends what the program needs, and no more', () => {
        assert.deepEqual([...staged.pushed].sort(), [
          'LICENSE',
          'README.md',
          'broker',
          'docs',
          'package-lock.json',
          'package.json',
          'src',
        ]);
      });

      it('brings no package for development, and none that would have to be built', async () => {
        const modules = await readdir(path.join(staged.folder, 'node_modules'));
        for (const name of Object.keys(packageJson.devDependencies)) {
          assert.ok(!modules.includes(name.split('/', 1)[0]!) || name.startsWith('@types/'), name);
        }
        const files = await readdir(path.join(staged.folder, 'node_modules/'), { recursive: true });
        assert.deepEqual(
          files.filter((file) => /\.node$|binding\.gyp$/.test(file)),
          [],
        );
      });

      it('is alive and ready within 5 s', async () => {
        const tries: number[] = [];
        while (tries.length < STARTS && !tries.some((startMs) => startMs < START_MS)) {
          await using started = await start(staged, 'VCAP_SERVICES_FILE_PATH');
          tries.push(started.startMs);
        }

        assert.ok(
          tries.some((startMs) => startMs < START_MS),
          `${tries} ms`,
        );
      });

      it('holds 100 instances of 50 KB for several readers within 256 MB', async () => {
        await using started = await start(staged);
        const headers = await headersFor(shop, started.url);
        const perReader = Array.from({ length: READERS }, async () => {
          for (let scrape = 0; scrape < SCRAPES / READERS; scrape++) {
            const { status, body } = await read(started.url + shop.path, { headers });
            assert.equal(status, 200);
            const up = samplesOf(body.toString(), 'promgate_instance_up');
            assert.equal(up.length, INSTANCES);
          }
        });
        await Promise.all(perReader);

        const peakBytes = started.program.peakMemoryBytes();
        assert.ok(peakBytes < CONTAINER_BYTES, `${peakBytes} bytes`);
        started.program.terminate();
        assert.deepEqual(await started.program.exited, { code: 0, signal: null });
      });

      it('lives on in its container when an app serves many times what the container holds', async () => {
        await using started = await start(staged);
        const headers = await headersFor(huge, started.url);

        const sizes = await Promise.all(
          Array.from({ length: HUGE_READERS }, () => readAway(started.url + huge.path, headers)),
        );

        for (const sizeBytes of sizes) assert.ok(sizeBytes > CONTAINER_BYTES, `${sizeBytes} bytes`);
        assert.equal((await read(`${started.url}/healthz`)).status, 200);
        started.program.terminate();
        assert.deepEqual(await started.program.exited, { code: 0, signal: null });
      });

      it('runs in place of the shell, and says on its own metrics whose they are', async () => {
        await using started = await start(staged, 'SERVICE_BINDING_ROOT');

        const { body } = await read(`${started.url}/metrics`, {
          headers: { Authorization: `Bearer ${OPERATOR.password}` },
        });

        const text = body.toString();
        const labels = {
          promgate_organization: 'platform',
          promgate_space: 'monitoring',
          promgate_app: manifest.name,
          promgate_index: '1',
        };
        assert.equal(samplesOf(text, 'promgate_build_info', labels).length, 1);
        assert.equal(started.program.program(), 'node', 'the shell has become Node');
      });

      it('answers an open scrape whole when the shell is told to stop, and ends with 0', async () => {
        late = gate(page('late 1\n'));
        await using started = await start(staged);
        const headers = await headersFor(slow, started.url);
        const asked = lateInstance().requests.length;
        const open = read(started.url + slow.path, { headers });
        await eventually(
          'the late instance to be asked',
          () => lateInstance().requests.length > asked || undefined,
        );

        started.program.terminate();
        const stoppedMs = performance.now();
        await eventually(
          'promgate to stop',
          () =>
            started.program.lines.some((line) => line.includes('"msg":"promgate stops"')) ||
            undefined,
        );
        late.open();
        const { status, body } = await open;
        const exit = await started.program.exited;

        assert.equal(status, 200);
        assert.equal(samplesOf(body.toString(), 'early').length, 1);
        assert.equal(samplesOf(body.toString(), 'late').length, 1);
        assert.deepEqual(exit, { code: 0, signal: null });
        assert.ok(performance.now() - stoppedMs < END_MS);
      });
    });
  }
});
