#!/usr/bin/env node
/**
 * The command line: commands, signals, exit codes.
 *
 * Each command imports only the code that it needs, which keeps the start short.
 */
import { writeSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { App } from './assemble/app.ts';
import { type CommandLine, readCommandLine } from './commands/command-line.ts';
import { COMMANDS, helpOf, usage } from './commands/commands.ts';
import type { ConfigSources } from './config/config.ts';
import { memoryBytes } from './memory-limit.ts';
import type { CommandTools, ProxyProgram } from './proxy-command.ts';
import { redactFields } from './telemetry/redact.ts';

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

/** What SIGHUP does once the program runs. */
let hangUp: App['reload'] | undefined;

type Environment = Readonly<Record<string, string | undefined>>;

/** @returns the exit code */
async function main(args: readonly string[], environment: Environment): Promise<number> {
  const [program, ...rest] = args;
  if (program === 'proxy') return await proxy('promgate proxy', rest, environment);
  if (program === 'caching-proxy') return await proxy(program, rest, environment);
  if (program === 'query') return await query(rest, environment);
  let line: CommandLine;
  try {
    line = readCommandLine(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage()}`); // parseArgs throws TypeErrors
    return WRONG;
  }
  const known = COMMANDS.find(({ name }) => name === line.command);
  if (line.help) return await write(known ? helpOf(known) : usage());
  if (line.version) return await write(`${(await import('./version.ts')).VERSION}\n`);
  const config = line.options['config'];
  const sources: ConfigSources = {
    file: typeof config === 'string' ? config : environment['PROMGATE_CONFIG'],
    environment,
    flags: line.flags,
    memoryBytes: memoryBytes(environment['MEMORY_LIMIT']),
  };
  switch (line.command) {
    case 'serve':
      return await serve(sources);
    case 'check':
    case 'scrape':
      return await ask(line, sources);
    case 'completion':
      return await complete(line);
    case 'demo':
      return line.options['foundation'] ? await foundation() : await demo(sources);
    default: {
      const fault = {
        '': 'a command is missing',
        proxy: 'write promgate proxy before its options',
        query: 'write promgate query before its options',
      }[line.command];
      const unknown = `there is no such command: ${line.command}`;
      process.stderr.write(`${fault ?? unknown}\n\n${usage()}`);
      return WRONG;
    }
  }
}

async function serve(sources: ConfigSources): Promise<number> {
  const stop = stopSignals();
  const { ConfigError, describeConfig, readConfig } = await import('./config/config.ts');
  try {
    const config = await readConfig(sources);
    const { startApp } = await import('./assemble/app.ts');
    let yaml = config.query ? (await describeConfig(sources)).yaml : '';
    const options = {
      platformAuthorities: sources.environment?.['CF_SYSTEM_CERT_PATH'],
      printConfig: () => yaml,
      reread: async () => {
        const again = await readConfig(sources);
        ({ yaml } = await describeConfig(sources));
        return again;
      },
    };
    return await runUntil(stop, () => startApp(config, options), config.drain.waitMs);
  } catch (error) {
    if (error instanceof ConfigError) return refuse(error.faults);
    return fail('promgate cannot start', error);
  }
}

/** The command line of Promxy: a section `query` from its file. */
async function query(args: readonly string[], environment: Environment): Promise<number> {
  const { queryCommand } = await import('./query-command.ts');
  return await queryCommand(args, {
    ...{ environment, memoryBytes: memoryBytes(environment['MEMORY_LIMIT']) },
    ...{ print: write, refuse, serve },
  });
}

async function ask(line: CommandLine, sources: ConfigSources): Promise<number> {
  const { openConsole } = await import('./commands/console.ts');
  const options = { line, sources, console: openConsole(process) };
  if (line.command === 'check') return (await import('./commands/check.ts')).check(options);
  return (await import('./commands/scrape.ts')).scrape(options);
}

async function complete({ operands: [shell] }: CommandLine): Promise<number> {
  const { completion } = await import('./commands/completion.ts');
  const script = shell === undefined ? undefined : completion(shell);
  if (script !== undefined) return await write(script);
  const fault = shell === undefined ? 'a shell is missing' : `there is no completion for ${shell}`;
  return refuse([`${fault}: promgate completion bash|zsh|fish`]);
}

/** Resolves when all is written, or when the reader has left. */
async function write(text: string): Promise<number> {
  const { openConsole } = await import('./commands/console.ts');
  await openConsole(process).out(text);
  return DONE;
}

/** What the file of the foundation exports. */
interface FoundationDemo {
  startFoundationDemo(options: {
    readonly print: (text: string) => void;
  }): Promise<Pick<App, 'drain'> & AsyncDisposable>;
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

/** The foundation is one of the tests, which only a checkout has. */
async function foundation(): Promise<number> {
  const stop = stopSignals();
  const place = new URL('../test/support/foundation/demo.ts', import.meta.url);
  try {
    const { startFoundationDemo } = (await import(place.href)) as FoundationDemo;
    return await runUntil(stop, () => startFoundationDemo({ print }), 0);
  } catch (error) {
    return fail('the foundation cannot start', error);
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
  start: () => Promise<Pick<App, 'drain'> & Partial<Pick<App, 'reload'>> & AsyncDisposable>,
  waitMs: number,
): Promise<number> {
  const app = await start();
  hangUp = app.reload;
  await stop;
  hangUp = undefined;
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
      if (signal !== 'SIGHUP') return;
      if (hangUp) void hangUp();
      else say('info', 'SIGHUP is ignored: restart promgate to change its configuration');
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
