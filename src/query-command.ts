/**
 * `promgate query`: serves the query API by a promxy.yaml, with the flags of Promxy.
 */
import { parseArgs } from 'node:util';
import type { ConfigSources } from './config/config.ts';
import type { Flag } from './config/environment.ts';
import { readPromxyFile, remarksOf } from './config/promxy.ts';

/** What `main.ts` lends to this command. */
export interface QueryTools {
  readonly print: (text: string) => Promise<number>;
  /** Reports wrong use. @returns the exit code */
  readonly refuse: (faults: readonly string[]) => number;
  readonly serve: (sources: ConfigSources) => Promise<number>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly memoryBytes: number;
}

/** Flags that set a key; the others of Promxy are told of. */
const KEYS: Readonly<Record<string, string>> = {
  'log-level': 'log.level',
  'web.cors.origin': 'query.cors_origin',
  'query.timeout': 'query.timeout',
  'query.max-samples': 'query.max_samples',
  'query.lookback-delta': 'query.lookback_delta',
  'query.max-concurrency': 'query.max_concurrent',
  'http.shutdown-delay': 'drain.wait',
};

/** Flags of Promxy that change nothing here, and why. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  'log-format': 'the log is JSON',
  'log-max-form-prefix': 'forms are not logged',
  'web.config.file': 'set listen.tls and auth in promgate.yml',
  'web.read-timeout': 'requests are bounded by themselves',
  'web.external-url': 'no answer holds a URL of its own',
  'web.route-prefix': 'put a proxy in front that removes the prefix',
  'metrics-path': 'own metrics are at /metrics',
  'proxy-headers': 'headers are set by http_headers of a group',
  'storage.path': 'nothing is stored',
  'remote-read.max-concurrency': 'query.max_concurrent bounds them',
  'alertmanager.notification-queue-capacity': 'this version evaluates no rules',
  'access-log-destination': 'requests are in the log, by log-level debug all of them',
  'rules.alert.for-outage-tolerance': 'this version evaluates no rules',
  'rules.alert.for-grace-period': 'this version evaluates no rules',
  'rules.alert.resend-delay': 'this version evaluates no rules',
  'http.shutdown-timeout': 'open requests get 7 s',
};
const SWITCHES: Readonly<Record<string, string>> = {
  'web.enable-lifecycle': 'POST /-/reload is always there, for operators',
  'rules.alertbackfill': 'this version evaluates no rules',
};
const DEFAULT_ADDRESS = ':8082';

const USAGE = `promgate query: serves the query API of a promxy.yaml, with Promxy's flags

usage:
  promgate query --config FILE [--bind-addr ADDRESS] [FLAG]...
  promgate query --check-config --config FILE

options:
  --config FILE          a promxy.yaml, or a promgate.yml with a section query; default config.yaml
  --bind-addr ADDRESS    host:port to listen on; default ${DEFAULT_ADDRESS}
  --check-config         tell what becomes of each key of the file, and exit
  --version              print the version
${Object.entries(KEYS)
  .map(([flag, key]) => `  --${flag.padEnd(20)} sets ${key}`)
  .join('\n')}

These flags of Promxy are taken, and change nothing:
${[...Object.entries(WITHOUT_EFFECT), ...Object.entries(SWITCHES)]
  .map(([flag, why]) => `  --${flag}: ${why}`)
  .join('\n')}

exit codes:
  0  it was stopped by SIGTERM or SIGINT, or the file is right
  1  it could not start, or did not stop in time
  2  the command line or the configuration is wrong
`;

/** @returns the exit code */
export async function queryCommand(args: readonly string[], tools: QueryTools): Promise<number> {
  let given: Readonly<Record<string, string | boolean | undefined>>;
  try {
    given = readFlags(args);
  } catch (error) {
    return tools.refuse([(error as Error).message, '', USAGE]); // parseArgs throws TypeErrors
  }
  if (given['help']) return tools.print(USAGE);
  if (given['version']) return tools.print(`${(await import('./version.ts')).VERSION}\n`);
  const file = String(given['config'] ?? 'config.yaml');
  const address = /^(.*):(\d+)$/.exec(String(given['bind-addr'] ?? DEFAULT_ADDRESS));
  if (!address) return tools.refuse(['--bind-addr takes host:port, such as :8082']);
  const reading = await readPromxyFile(file);
  const { faults, warnings } = remarksOf(reading.fates);
  if (reading.faults.length > 0) return tools.refuse(reading.faults);
  if (given['check-config']) return checkFile(file, tools);
  if (faults.length > 0) return tools.refuse(faults);
  for (const warning of [...warnings, ...flagWarnings(given)]) {
    process.stderr.write(`warning: ${warning}\n`);
  }
  const [, host = '', port = ''] = address;
  const flags: Flag[] = [
    {
      key: 'listen.host',
      text: host.replace(/^\[(.*)\]$/, '$1') || '0.0.0.0',
      name: '--bind-addr',
    },
    { key: 'listen.port', text: port, name: '--bind-addr' },
    ...keyFlags(given),
  ];
  const { environment, memoryBytes } = tools;
  const sources = { environment, memoryBytes, flags };
  return tools.serve(reading.values ? { ...sources, promxyFile: file } : { ...sources, file });
}

/** A file that is none of Promxy is one of promgate. */
async function checkFile(file: string, tools: QueryTools): Promise<number> {
  const { describePromxy } = await import('./commands/check-promxy.ts');
  const { describeConfig } = await import('./config/config.ts');
  const told = (await describePromxy(file, tools)) ?? {
    ...{ text: (await describeConfig({ ...tools, file })).yaml, faults: [] },
  };
  return told.faults.length > 0 ? tools.refuse(told.faults) : tools.print(told.text);
}

function readFlags(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const named = [...Object.keys(KEYS), ...Object.keys(WITHOUT_EFFECT), 'config', 'bind-addr'];
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(named.map((name) => [name, text])),
      ...Object.fromEntries(Object.keys(SWITCHES).map((name) => [name, flag])),
      'check-config': flag,
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  });
  return values as Readonly<Record<string, string | boolean | undefined>>;
}

function flagWarnings(given: Readonly<Record<string, unknown>>): readonly string[] {
  return [...Object.entries(WITHOUT_EFFECT), ...Object.entries(SWITCHES)]
    .filter(([name]) => given[name] !== undefined)
    .map(([name, why]) => `--${name} has no effect: ${why}`);
}

function keyFlags(given: Readonly<Record<string, string | boolean | undefined>>): Flag[] {
  return Object.entries(KEYS).flatMap(([name, key]) => {
    const text = given[name];
    // -1 stands for no bound in Promxy; promgate keeps its own then.
    if (typeof text !== 'string' || text === '-1') return [];
    return [{ key, text, name: `--${name}` }];
  });
}
