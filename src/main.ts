#!/usr/bin/env node
/**
 * The command line: commands, signals, exit codes.
 *
 * Each command imports only the code that it needs, which keeps the start short.
 */
import { writeSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { App } from './assemble/app.ts';
import type { ConfigSources } from './config/config.ts';
import { memoryBytes } from './memory-limit.ts';
import type { CommandTools, ProxyProgram } from './proxy-command.ts';
import { redactFields } from './telemetry/redact.ts';

const USAGE = `promgate: one door for Prometheus metrics on Cloud Foundry

usage:
  promgate serve [--config FILE] [--port N] [--set KEY=VALUE]...
  promgate check [--config FILE] [--port N] [--set KEY=VALUE]...
  promgate demo  [--port N]
  promgate proxy --origin URL [--port N] | --clear-cache | --help
  promgate --help | --version

commands:
  serve   answers requests until SIGTERM or SIGINT
  check   prints the effective configuration, with secrets masked
  demo    serves a simulated foundation on loopback
  proxy   caches the answers of one origin

options:
  --config FILE     a YAML file; default: the environment's PROMGATE_CONFIG
  --port N          the same as --set listen.port=N
  --set KEY=VALUE   a key of the configuration, such as scrape.timeout=10s

exit codes: 0 success; 1 failure; 2 wrong command line or configuration
`;

const DONE = 0;
const FAILED = 1;
const WRONG = 2;
const INTERRUPTED = 130; // 128 + SIGINT, as shells report it

/**
 * Two SIGINTs within this time are one Ctrl-C: the terminal sends SIGINT to npm and to promgate,
 * and npm forwards its own.
 */
const SAME_INTERRUPT_MS = 500;

/** Bound on the time from the end of `drain.wait` to the exit of the process. */
const STOP_MS = 7_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** @returns the exit code */
async function main(args: readonly string[], environment: Environment): Promise<number> {
  const [program, ...rest] = args;
  if (program === 'proxy') return await proxy('promgate proxy', rest, environment);
  if (program === 'caching-proxy') return await proxy(program, rest, environment);
  let line: CommandLine;
  try {
    line = readCommandLine(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`); // parseArgs throws TypeErrors
    return WRONG;
  }
  if (line.help) return print(USAGE);
  if (line.version) return print(`${(await import('./version.ts')).VERSION}\n`);
  const sources: ConfigSources = {
    file: line.config ?? environment['PROMGATE_CONFIG'],
    environment,
    flags: line.flags,
    memoryBytes: memoryBytes(environment['MEMORY_LIMIT']),
  };
  switch (line.command) {
    case 'serve':
      return await serve(sources);
    case 'check':
      return await check(sources);
    case 'demo':
      return await demo(sources);
    default: {
      const fault =
        line.command === '' ? 'a command is missing' : `there is no such command: ${line.command}`;
      process.stderr.write(`${fault}\n\n${USAGE}`);
      return WRONG;
    }
  }
}

interface CommandLine {
  readonly command: string;
  readonly help: boolean;
  readonly version: boolean;
  readonly config: string | undefined;
  readonly flags: NonNullable<ConfigSources['flags']>;
}

/** @throws {TypeError} for unknown options, missing values and more than one command */
function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      port: { type: 'string' },
      set: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  });
  const [command = '', ...rest] = positionals;
  if (rest.length > 0) throw new TypeError(`give one command only: remove ${rest.join(' ')}`);
  const flags = (values.set ?? []).map((text) => {
    const equals = text.indexOf('=');
    if (equals < 1) throw new TypeError(`--set takes KEY=VALUE, not ${JSON.stringify(text)}`);
    const key = text.slice(0, equals);
    return { key, text: text.slice(equals + 1), name: `--set ${key}` };
  });
  if (values.port !== undefined) {
    flags.push({ key: 'listen.port', text: values.port, name: '--port' });
  }
  const { config, help = false, version = false } = values;
  return { command, help, version, config, flags };
}

async function serve(sources: ConfigSources): Promise<number> {
  const stop = stopSignals();
  const { ConfigError, readConfig } = await import('./config/config.ts');
  try {
    const config = await readConfig(sources);
    const { startApp } = await import('./assemble/app.ts');
    return await runUntil(
      stop,
      () => startApp(config, { platformAuthorities: sources.environment?.['CF_SYSTEM_CERT_PATH'] }),
      config.drain.waitMs,
    );
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.faults);
    return fail('promgate cannot start', error);
  }
}

async function check(sources: ConfigSources): Promise<number> {
  const { ConfigError, describeConfig } = await import('./config/config.ts');
  try {
    const { yaml, warnings } = await describeConfig(sources);
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    return print(yaml);
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.faults);
    throw error;
  }
}

async function demo({ flags, memoryBytes }: ConfigSources): Promise<number> {
  const stop = stopSignals();
  const { ConfigError } = await import('./config/config.ts');
  const { startDemo } = await import('./demo/demo.ts');
  try {
    const start = () => startDemo({ flags, memoryBytes, print });
    return await runUntil(stop, start, 0);
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.faults);
    return fail('the demo cannot start', error);
  }
}

async function proxy(
  program: ProxyProgram,
  args: readonly string[],
  environment: Environment,
): Promise<number> {
  const { proxyCommand } = await import('./proxy-command.ts');
  const runUntilStopped: CommandTools['runUntilStopped'] = (start) =>
    runUntil(stopSignals(), start, 0);
  const bytes = memoryBytes(environment['MEMORY_LIMIT']);
  const tools = { print, refuse, fail, runUntilStopped, environment, memoryBytes: bytes };
  return await proxyCommand(program, args, tools);
}

/** Runs until `stop` resolves, then drains and disposes, before the platform sends SIGKILL. */
async function runUntil(
  stop: Promise<void>,
  start: () => Promise<Pick<App, 'drain'> & AsyncDisposable>,
  waitMs: number,
): Promise<number> {
  const app = await start();
  await stop;
  const watchdog = setTimeout(() => {
    fail('promgate did not stop in time and exits at once', new Error('a part hangs'));
    process.exit(FAILED);
  }, waitMs + STOP_MS);
  await app.drain();
  await app[Symbol.asyncDispose]();
  clearTimeout(watchdog);
  return DONE;
}

/** Resolves at the first SIGTERM or SIGINT. A later SIGINT ends the process at once. */
function stopSignals(): Promise<void> {
  return new Promise((resolve) => {
    let firstMs = Number.POSITIVE_INFINITY;
    process.on('SIGTERM', () => resolve());
    process.on('SIGINT', () => {
      const nowMs = performance.now();
      if (nowMs - firstMs > SAME_INTERRUPT_MS) process.exit(INTERRUPTED);
      firstMs = Math.min(firstMs, nowMs);
      resolve();
    });
  });
}

/** Ignores signals that would end the process or, as SIGUSR1 does, open Node's inspector. */
function ignoreSignals(): void {
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGHUP')
        say('info', 'SIGHUP is ignored: restart promgate to change its configuration');
    });
  }
}

function say(level: string, msg: string): void {
  try {
    writeSync(1, `${JSON.stringify({ level, time: new Date().toISOString(), msg })}\n`);
  } catch {
    // The reader of the log is gone.
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return DONE;
}

function refuse(faults: readonly string[]): number {
  process.stderr.write(`${faults.join('\n')}\n`);
  return WRONG;
}

/** Writes one line in the form of the log, which may not exist yet or may have failed. */
function fail(message: string, error: unknown): number {
  const time = new Date().toISOString();
  const err = redactFields(error instanceof Error ? error : new Error(String(error)));
  try {
    writeSync(1, `${JSON.stringify({ level: 'fatal', time, err, msg: message })}\n`);
  } catch {
    // The reader of the log is gone: only the exit code reports the failure.
  }
  return FAILED;
}

/** Runs a command as the process that this is, and ends it. */
export async function runCommand(args: readonly string[]): Promise<never> {
  ignoreSignals();
  // Beside the packages, not in /tmp, where other users could place code for promgate.
  enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/promgate', import.meta.url)));
  process.on('uncaughtException', (error) => {
    fail('promgate failed', error);
    process.exit(FAILED);
  });
  process.exit(await main(args, process.env));
}

if (import.meta.main) await runCommand(process.argv.slice(2));
