/**
 * promgate within a test's own process, in front of a simulated gorouter.
 */
import { startApp } from '../../src/assemble/app.ts';
import { readConfig } from '../../src/config/config.ts';
import type { Lookup } from '../../src/fetch/host-lookup.ts';
import type { Level, Log, LogFields } from '../../src/telemetry/log.ts';
import { eventually } from './eventually.ts';
import { routesJson, type SimulatedApp } from './foundation.ts';
import { type Gorouter, startGorouter } from './gorouter.ts';

interface LogLine {
  readonly level: Level;
  readonly message: string;
  readonly fields: LogFields;
}

export interface Promgate extends AsyncDisposable {
  readonly url: string;
  /** With the push gateway's own port; '' if there is none. */
  readonly pushUrl: string;
  /** The ports of readers with an instance identity; '' if there are none. */
  readonly identityUrl: string;
  readonly gorouterUrl: string;
  readonly gorouter: Gorouter;
  readonly log: readonly LogLine[];
  readonly drain: () => Promise<void>;
  /** GETs a path; `Accept-Encoding` is not sent unless given. */
  get(path: string, init?: RequestInit): Promise<Response>;
  text(path: string, init?: RequestInit): Promise<string>;
}

export interface PromgateOptions {
  readonly apps: readonly SimulatedApp[];
  /** Values of the configuration, nested as in the file. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Finds the addresses of names. Default: as the system does. */
  readonly lookup?: Lookup;
}

const MEMORY_BYTES = 2 ** 30;

/** Starts promgate and waits until it is ready. */
export async function startPromgate(options: PromgateOptions): Promise<Promgate> {
  const { apps, values = {}, environment = {}, lookup } = options;
  await using parts = new AsyncDisposableStack();
  const gorouter = parts.use(await startGorouter(routesJson(apps)));
  const { url: routesUrl, username, password } = gorouter;
  const lines: LogLine[] = [];
  const config = await readConfig({
    ...{ memoryBytes: MEMORY_BYTES, environment },
    values: {
      listen: { host: '127.0.0.1', port: 0 },
      routes: { gorouter: [{ url: routesUrl, username, password, interval: '1s' }] },
      drain: { wait: '0s' },
      ...values,
    },
  });
  const app = parts.use(await startApp(config, { log: logInto(lines), lookup }));
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(app.url + path, init);
  await eventually('promgate is ready', async () => (await get('/readyz')).ok || undefined);
  const held = parts.move();
  return {
    url: app.url,
    pushUrl: app.pushUrl ?? '',
    identityUrl: app.identityUrl ?? '',
    gorouterUrl: app.gorouterUrl ?? '',
    gorouter,
    log: lines,
    drain: app.drain,
    get,
    text: async (path, init) => (await get(path, init)).text(),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** A log that keeps its lines. */
export function recordLog(): { readonly log: Log; readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  return { log: logInto(lines), lines };
}

function logInto(lines: LogLine[]): Log {
  const write =
    (level: Level) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields });
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    writes: () => true,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
