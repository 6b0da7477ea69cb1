/**
 * `promgate proxy`, and `caching-proxy`, which is the same with `--cache-all 60s`: the command line of
 * the caching proxy.
 */
import { parseArgs } from 'node:util';
import { parseDurationMs } from '../broker/duration.ts';
import type { ProxyApp, ProxySettings } from './assemble/proxy.ts';
import type { Config } from './config/config.ts';
import { parseSizeBytes } from './config/quantity.ts';

/** What `main.ts` lends to a command. */
export interface CommandTools {
  readonly print: (text: string) => number;
  /** Reports wrong use. @returns the exit code */
  readonly refuse: (faults: readonly string[]) => number;
  /** Reports a failure in the form of the log. @returns the exit code */
  readonly fail: (message: string, error: unknown) => number;
  readonly runUntilStopped: (
    start: () => Promise<Pick<ProxyApp, 'drain'> & AsyncDisposable>,
  ) => Promise<number>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly memoryBytes: number;
}

/** By which name the program was called. */
export type ProxyProgram = 'promgate proxy' | 'caching-proxy';

const CACHE_ALL: Readonly<Record<ProxyProgram, string | undefined>> = {
  'promgate proxy': undefined,
  'caching-proxy': '60s',
};

const FAILED = 1;
const DONE = 0;
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
/** Of the memory limit, for stored responses. */
const CACHE_SHARE = 0.25;
const DEFAULT_TIMEOUT = '60s';
const KAFKA_VARIABLES = 'PROMGATE_KAFKA_';
const MAX_DURATION_MS = 366 * 86_400_000;

function usage(program: ProxyProgram): string {
  return `${program}: a caching reverse proxy before one origin

usage:
  ${program} --origin URL [--port N] [options]
  ${program} --clear-cache [--port N] [--prefix PATH]

options:
  --origin URL       where requests go: http://host:port, or https://, with or without a base path
  --port N           the port for readers; default 3000
  --host ADDRESS     the address to listen on; default 0.0.0.0
  --cache-all TTL    store what says nothing of caching for so long, such as 60s; default ${
    CACHE_ALL[program] ?? 'off: such answers are stored by RFC 9111 only'
  }
  --cache-size SIZE  the most bytes of stored responses, such as 512MiB; default a quarter of the memory
  --timeout TIME     the longest silence of the origin; default ${DEFAULT_TIMEOUT}
  --metrics-port N   serve metrics in the format of Prometheus there; default none
  --log-level LEVEL  debug (every request), info, warn or error; default info
  --config FILE      a YAML file whose section kafka says where an event of each request goes; default:
                     the environment's PROMGATE_CONFIG
  --clear-cache      empty the cache of the proxy that runs on this machine, say how many entries
                     went, and end
  --prefix PATH      with --clear-cache: only addresses that begin so
  --help             print this text

exit codes: 0 success; 1 failure; 2 wrong command line
`;
}

/** @returns the exit code */
export async function proxyCommand(
  program: ProxyProgram,
  args: readonly string[],
  tools: CommandTools,
): Promise<number> {
  const faults: string[] = [];
  const values = readValues(args, faults);
  if (values?.['help'] === true) return tools.print(usage(program));
  if (!values) return tools.refuse([...faults, '', usage(program)]);
  if (values['clear-cache'] === true) return clearCache(values, tools);
  const settings = await readSettings(program, values, { tools, faults });
  if (!settings) return tools.refuse([...faults, `see ${program} --help`]);
  try {
    const kafka = await readKafka(values, { tools, faults });
    if (faults.length > 0) return tools.refuse(faults);
    return await tools.runUntilStopped(async () => {
      const { startProxy } = await import('./assemble/proxy.ts');
      const platformAuthorities = tools.environment['CF_SYSTEM_CERT_PATH'];
      return startProxy(settings, { platformAuthorities, kafka });
    });
  } catch (error) {
    return tools.fail('the proxy cannot start', error);
  }
}

/** Loads the configuration only if there may be one, since that takes longer than the proxy's start. */
async function readKafka(
  { config }: Values,
  { tools: { environment, memoryBytes }, faults }: Reading,
): Promise<Config['kafka']> {
  const file = typeof config === 'string' ? config : environment['PROMGATE_CONFIG'];
  const given = Object.entries(environment).filter(([name]) => name.startsWith(KAFKA_VARIABLES));
  if (file === undefined && given.length === 0) return undefined;
  const { ConfigError, readConfig } = await import('./config/config.ts');
  try {
    return (await readConfig({ file, environment: Object.fromEntries(given), memoryBytes })).kafka;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
    return undefined;
  }
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

interface Reading {
  readonly tools: CommandTools;
  /** Takes what is wrong. */
  readonly faults: string[];
}

function readValues(args: readonly string[], faults: string[]): Values | undefined {
  try {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...{ origin: text, port: text, host: text, prefix: text, timeout: text, config: text },
        ...{ 'cache-all': text, 'cache-size': text, 'metrics-port': text, 'log-level': text },
        'clear-cache': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    faults.push((error as Error).message); // parseArgs throws TypeErrors
    return undefined;
  }
}

async function readSettings(
  program: ProxyProgram,
  values: Values,
  { tools, faults }: Reading,
): Promise<ProxySettings | undefined> {
  const { controlFolder } = await import('./serve/control-socket.ts');
  const read = <T>(name: string, parse: (text: string) => T | undefined, what: string) => {
    const text = values[name];
    if (typeof text !== 'string') return undefined;
    const value = parse(text);
    if (value === undefined) faults.push(`--${name} takes ${what}, not ${JSON.stringify(text)}`);
    return value;
  };
  if (values['origin'] === undefined) faults.push('--origin is missing: --origin http://host:port');
  if (values['prefix'] !== undefined) faults.push('--prefix goes with --clear-cache');
  const filled = {
    'cache-all': CACHE_ALL[program],
    timeout: DEFAULT_TIMEOUT,
    ...values,
  };
  const duration = (name: keyof typeof filled) => {
    const text = filled[name];
    if (typeof text !== 'string') return undefined;
    const ms = parseDurationMs(text);
    if (ms !== undefined && ms > 0 && ms <= MAX_DURATION_MS) return ms;
    faults.push(`--${name} takes a time such as 60s, up to 366d, not ${JSON.stringify(text)}`);
    return undefined;
  };
  const settings = {
    origin: read('origin', parseOrigin, 'an http: or https: URL without query and credentials'),
    port: read('port', parsePort, 'a port number from 0 to 65535') ?? 3000,
    host: typeof values['host'] === 'string' ? values['host'] : '0.0.0.0',
    metricsPort: read('metrics-port', parsePort, 'a port number from 0 to 65535'),
    cacheAllMs: duration('cache-all'),
    timeoutMs: duration('timeout') ?? 0,
    cacheBytes:
      read('cache-size', parseSizeBytes, 'a size such as 512MiB') ??
      Math.floor(tools.memoryBytes * CACHE_SHARE),
    logLevel: read('log-level', parseLevel, LEVELS.join(', ')) ?? 'info',
    controlFolder: controlFolder(tools.environment['XDG_RUNTIME_DIR']),
  };
  const { origin } = settings;
  return faults.length > 0 || !origin ? undefined : { ...settings, origin };
}

async function clearCache(values: Values, tools: CommandTools): Promise<number> {
  const { clearRunning, controlFolder } = await import('./serve/control-socket.ts');
  const { port, prefix = '' } = values;
  const only = typeof port === 'string' ? parsePort(port) : undefined;
  if (port !== undefined && only === undefined) {
    return tools.refuse([
      `--port takes a port number from 0 to 65535, not ${JSON.stringify(port)}`,
    ]);
  }
  const folder = controlFolder(tools.environment['XDG_RUNTIME_DIR']);
  const where = only === undefined ? '' : ` on port ${only}`;
  try {
    const cleared = await clearRunning({ folder, port: only, prefix: String(prefix) });
    switch (cleared.kind) {
      case 'cleared':
        tools.print(`cleared ${cleared.count} ${cleared.count === 1 ? 'entry' : 'entries'}\n`);
        return DONE;
      case 'none':
        return report(`no caching proxy of this user runs${where}`);
      case 'several':
        return report(`several proxies run: choose one by --port (${cleared.ports.join(', ')})`);
      case 'silent':
        return report(
          `the proxy on port ${cleared.port} does not answer: it may be stopped or busy`,
        );
    }
  } catch (error) {
    return report(`the cache cannot be cleared: ${(error as Error).message}`);
  }
}

function report(text: string): number {
  process.stderr.write(`${text}\n`);
  return FAILED;
}

function parseOrigin(text: string): URL | undefined {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  const isPlain =
    url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return isPlain && /^https?:\/\/[^/]/i.test(text) ? url : undefined;
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}

function parseLevel(text: string): (typeof LEVELS)[number] | undefined {
  return LEVELS.find((level) => level === text);
}
