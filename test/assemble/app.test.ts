import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type AppOptions, startApp } from '../../src/assemble/app.ts';
import { readConfig } from '../../src/config/config.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { status } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { startGorouter } from '../support/gorouter.ts';
import { startPromgate } from '../support/promgate.ts';

const APP = fileURLToPath(new URL('../../src/assemble/app.ts', import.meta.url));

/** Starts promgate in this process; its log has nothing to say below an error. */
async function start(values: object, options: AppOptions = {}) {
  const config = await readConfig({
    memoryBytes: 2 ** 30,
    values: {
      listen: { host: '127.0.0.1', port: 0 },
      drain: { wait: '0s' },
      log: { level: 'error' },
      ...values,
    },
  });
  return await startApp(config, options);
}

async function readiness(url: string): Promise<readonly [number, unknown]> {
  const answer = await fetch(`${url}/readyz`);
  return [answer.status, await answer.json()];
}

describe('startApp', () => {
  it('answers health checks first, and holds other requests until the rest is there', async () => {
    let held: Promise<Response> | undefined;

    await using app = await start(
      {},
      {
        onOpen: async (url) => {
          held = fetch(`${url}/routes`);
          assert.equal(await (await fetch(`${url}/healthz`)).text(), 'ok\n');
          assert.deepEqual(await readiness(url), [503, { status: 'starting', sources: {} }]);
        },
      },
    );

    assert.deepEqual(await (await held)?.json(), {});
    assert.deepEqual(await readiness(app.url), [200, { status: 'ready', sources: {} }]);
  });

  it('is starting until its sources have answered', async () => {
    await using gorouter = await startGorouter({});
    gorouter.fault = status(500);
    const { url, username, password } = gorouter;
    const name = `gorouter ${url}`;

    await using app = await start({
      routes: { gorouter: [{ url, username, password, interval: '1s' }] },
    });
    assert.deepEqual(await readiness(app.url), [
      503,
      { status: 'starting', sources: { [name]: 'waiting' } },
    ]);
    gorouter.fault = undefined;
    await eventually('promgate is ready', async () => {
      return (await fetch(`${app.url}/readyz`)).ok || undefined;
    });

    assert.deepEqual(await readiness(app.url), [
      200,
      { status: 'ready', sources: { [name]: 'ready' } },
    ]);
  });

  it('warns when everybody may read and anybody can reach it', async () => {
    for (const [host, warned] of [
      ['0.0.0.0', true],
      ['127.0.0.1', false],
    ] as const) {
      await using promgate = await startPromgate({
        apps: [],
        values: { listen: { host, port: 0 } },
      });
      const warnings = promgate.log.filter(
        ({ level, message }) => level === 'warn' && message.startsWith('auth.mode is open'),
      );
      assert.equal(warnings.length === 1, warned, host);
    }
  });

  it('closes everything when what stands behind the ports cannot be started', async () => {
    using certificates = new CertificateFolder();
    const { cert } = certificates.selfSigned('authority');
    const urls: string[] = [];
    let held: Promise<unknown> | undefined;

    const started = start(
      { scrape: { tls: { ca: cert } }, listen: { host: '127.0.0.1', port: 0 } },
      {
        onOpen: async (url) => {
          urls.push(url);
          held = fetch(`${url}/routes`).catch((error: unknown) => error);
          await fetch(`${url}/healthz`);
          await rm(cert);
        },
      },
    );

    await assert.rejects(started, { code: 'ENOENT' });
    assert.ok((await held) instanceof TypeError, 'the held request ends');
    await assert.rejects(fetch(`${urls[0]}/healthz`), TypeError);
  });

  it('closes its port when the one for health is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    await using parts = new AsyncDisposableStack();
    parts.defer(() => other[Symbol.asyncDispose]());
    const { port: health_port } = other.address() as AddressInfo; // it listens on a port
    const before = listeners();

    await assert.rejects(start({ listen: { host: '127.0.0.1', port: 0, health_port } }), {
      code: 'EADDRINUSE',
      message: `cannot listen on 127.0.0.1:${health_port} (listen.host, listen.health_port): another program listens there already; end it, or set another port`,
    });

    await eventually('its port to be closed', () => listeners() === before || undefined);
  });

  it('loads what it needs for its ports first, and of the sources only what is configured', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-app-'));
    await using files = new AsyncDisposableStack();
    files.defer(() => rm(folder, { recursive: true }));
    const routes = path.join(folder, 'routes.json');
    await writeFile(routes, '{}');

    const [first, all] = await loadedModules(routes);

    const packages = /^(?:koa|pino|prom-client|undici|got|@nats-io)/;
    // Whom to trust is needed for the port, when it is TLS.
    const stages = /\/src\/(?:discover|fetch|merge|exposition)\/(?!trust\.ts$)/;
    assert.deepEqual(
      first.filter((name) => packages.test(name) || stages.test(name)),
      [],
    );
    const sources = /\/discover\/(?:file|gorouter|nats|nats-source|dial)\.ts$|^(?:got|@nats-io)/;
    assert.deepEqual(
      all.filter((name) => sources.test(name)).map((name) => path.basename(name)),
      ['file.ts'],
    );
  });
});

/** How many sockets of this process accept connections. */
function listeners(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
}

/** What a promgate that reads `routes` has loaded when its port opens, and when it has started. */
async function loadedModules(routes: string): Promise<readonly [first: string[], all: string[]]> {
  const program = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context);
        loaded.add(found.url.includes('/node_modules/') ? specifier : found.url);
        return found;
      },
    });
    const { readConfig } = await import('${new URL('../../src/config/config.ts', import.meta.url)}');
    const { startApp } = await import('${new URL('../../src/assemble/app.ts', import.meta.url)}');
    const values = {
      listen: { host: '127.0.0.1', port: 0 },
      routes: { file: process.argv[1] },
      log: { level: 'error' },
    };
    const config = await readConfig({ memoryBytes: 2 ** 30, values });
    let first;
    const app = await startApp(config, { onOpen: async () => { first = [...loaded]; } });
    await app[Symbol.asyncDispose]();
    console.log(JSON.stringify([first, [...loaded]]));
  `;
  const args = ['--input-type=module', '--eval', program, routes];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: path.dirname(APP) });
  return JSON.parse(stdout);
}
