/** Starts promgate, the program of this checkout, as a process to measure; on loopback. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import packageJson from '../package.json' with { type: 'json' };
import type { RoutesJson } from '../test/support/foundation.ts';
import type { Child } from './child.ts';
import { startNode } from './child.ts';

export const ROOT = new URL('../', import.meta.url);

/** Environment and arguments of `npm start`: `NAME=value exec node --flag src/main.ts serve`. */
export const { environment: ENVIRONMENT, args: START } = startCommand(packageJson.scripts.start);

export interface Promgate extends AsyncDisposable {
  readonly child: Child;
  /** `http://host:port`. */
  readonly url: string;
  /** From the start of the process to the first answer of `/healthz`. */
  readonly startMs: number;
  /** From the start of the process to the first 200 of `/readyz`. */
  readonly readyMs: number;
}

/** How the process is started, beyond `npm start`. */
export interface PromgateOptions {
  /** Arguments for Node, before those of `npm start`. */
  readonly nodeArgs?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Starts `promgate serve` with `routes` in a route file; resolves when promgate is ready.
 *
 * @param more - makes further sections of the configuration; gets a new folder for files
 */
export async function startPromgate(
  routes: RoutesJson,
  more: (folder: string) => object = () => ({}),
  { nodeArgs = [], environment = {} }: PromgateOptions = {},
): Promise<Promgate> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bench-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'routes.json');
  const configFile = path.join(folder, 'promgate.yml');
  const port = await freePort();
  const listen = { host: '127.0.0.1', port };
  const config = { listen, routes: { file }, drain: { wait: '0s' }, ...more(folder) };
  await writeFile(file, JSON.stringify(routes));
  await writeFile(configFile, JSON.stringify(config)); // JSON is YAML

  const startedMs = performance.now();
  const args = [...nodeArgs, ...START, '--config', configFile];
  const child = parts.use(startNode(args, ROOT, { ...ENVIRONMENT, ...environment }));
  parts.defer(() => child.stop()); // an orderly end writes Node's compile cache for later starts
  child.discard();
  const url = `http://127.0.0.1:${port}`;
  await untilAlive(port, child);
  const startMs = performance.now() - startedMs;
  await untilOk(`${url}/readyz`, child);
  const readyMs = performance.now() - startedMs;
  const owned = parts.move();
  return { child, url, startMs, readyMs, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A port that was free a moment ago. The configuration needs a number, so port 0 is no choice. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo; // not a pipe, so the address is an object
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits for a 200 of `/healthz`. Uses plain sockets, since `fetch` would slow the start. */
async function untilAlive(port: number, child: Child): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /healthz HTTP/1.1\r\nHost: promgate\r\nConnection: close\r\n\r\n');
    const answer = await new Promise((resolve) => {
      socket.once('data', (head) => resolve(head.toString('latin1', 0, 12)));
      socket.once('error', () => resolve(''));
      socket.once('close', () => resolve(''));
    });
    socket.destroy();
    if (answer === 'HTTP/1.1 200') return;
    child.rssBytes(); // throws if the process has ended
    await delay(1);
  }
}

/** Waits for a 200 of `url`. */
async function untilOk(url: string, child: Child): Promise<void> {
  for (const deadlineMs = performance.now() + 30_000; performance.now() < deadlineMs; ) {
    try {
      const answer = await fetch(url);
      await answer.arrayBuffer();
      if (answer.ok) return;
    } catch {
      child.rssBytes(); // throws if the process has ended; otherwise the port is not open yet
    }
    await delay(2);
  }
  throw new Error(`${url} gave no 200 in 30 s`);
}

function startCommand(line: string): {
  readonly environment: Readonly<Record<string, string>>;
  readonly args: readonly string[];
} {
  const words = line.split(' ');
  const settings = words.slice(0, words.indexOf('exec')).map((word) => word.split('=', 2));
  const args = words.slice(words.indexOf('node') + 1);
  return { environment: Object.fromEntries(settings), args };
}
