import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type App, startApp } from '../../src/assemble/app.ts';
import { type Config, readConfig } from '../../src/config/config.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { status } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { startGorouter } from '../support/gorouter.ts';
import { startPromgate } from '../support/promgate.ts';
import { freePort } from '../support/server-process.ts';

const APP = fileURLToPath(new URL('../../src/assemble/app.ts', import.meta.url));

/** Its log has nothing to say below an error. */
function configOf(values: object): Promise<Config> {
  const defaults = {
    listen: { host: '127.0.0.1', port: 0 },
    drain: { wait: '0s' },
    log: { level: 'error' },
  };
  return readConfig({ memoryBytes: 2 ** 30, values: { ...defaults, ...values } });
}

/** Starts promgate in this process. */
async function start(values: object): Promise<App> {
  return startApp(await configOf(values));
}

async function readiness(url: string): Promise<readonly [number, unknown]> {
  const answer = await fetch(`${url}/readyz`);
  return [answer.status, await answer.json()];
}

describe('startApp', () => {
  it('listens on the port of prom-cache too, once', async () => {
    const port = await freePort();
    const endpoints = { allow: ['*'], compat: true };

    await using both = await start({ endpoints: { ...endpoints, compat_port: 0 } });
    await using same = await start({
      listen: { host: '127.0.0.1', port },
      endpoints: { ...endpoints, compat_port: port },
    });

    for (const url of [both.url, both.compatUrl, same.url]) {
      const answer = await fetch(`${url}/metrics?endpoint=http://127.0.0.1/`);
      assert.equal(answer.status, 403, url);
    }
    assert.equal(same.compatUrl, undefined);
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

  it('ends what it had started when a part cannot be', async () => {
    using certificates = new CertificateFolder();
    const { cert } = certificates.selfSigned('authority');
    const config = await configOf({ scrape: { tls: { ca: cert } } });
    await rm(cert);
    const before = listeners();

    await assert.rejects(startApp(config), { code: 'ENOENT' });

    assert.equal(listeners(), before);
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

  it('loads of the sources only what is configured', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-app-'));
    await using files = new AsyncDisposableStack();
    files.defer(() => rm(folder, { recursive: true }));
    const routes = path.join(folder, 'routes.json');
    await writeFile(routes, '{}');

    const loaded = await loadedModules(routes);

    const sources = /\/discover\/(?:file|gorouter|nats|nats-source|dial)\.ts$|^(?:got|@nats-io)/;
    assert.deepEqual(
      loaded.filter((name) => sources.test(name)).map((name) => path.basename(name)),
      ['file.ts'],
    );
  });
});

/** How many sockets of this process accept connections. */
function listeners(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
}

/** What a promgate that reads `routes` has loaded when it has started. */
async function loadedModules(routes: string): Promise<string[]> {
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
    const app = await startApp(config);
    await app[Symbol.asyncDispose]();
    console.log(JSON.stringify([...loaded]));
  `;
  const args = ['--input-type=module', '--eval', program, routes];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: path.dirname(APP) });
  return JSON.parse(stdout);
}
