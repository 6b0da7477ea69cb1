/**
 * promgate as users run it: a process of its own with a configuration file.
 *
 * `promgate.ts` starts it within the test's process, which is cheaper.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './eventually.ts';
import type { Gorouter } from './gorouter.ts';
import { type Exit, type PromgateLimits, runPromgate } from './program.ts';

/** A line of its log. */
interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface PromgateProcess extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** Its standard error so far. */
  readonly errors: string;
  /** Waits until it has logged this message, with these fields. */
  untilLogged(msg: string, fields?: Readonly<Record<string, unknown>>): Promise<LogLine>;
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  get(path: string, init?: RequestInit): Promise<Response>;
  text(path: string, init?: RequestInit): Promise<string>;
  /** The value of a series of its own `/metrics`, written as it is there; undefined without one. */
  metric(series: string): Promise<number | undefined>;
  /** Files and sockets that it has open. */
  openFiles(): number;
  /** The memory that it has now (VmRSS). */
  residentMemoryBytes(): number;
  /** The most memory that it ever had (VmHWM). */
  peakMemoryBytes(): number;
}

export interface PromgateProcessOptions extends PromgateLimits {
  /** Values of the configuration, nested as in the file; whole sections replace the standard ones. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Standard: resolve when `/readyz` says so; else when it listens. */
  readonly untilReady?: boolean;
}

/** Starts it on a free port; resolves when it is ready. Disposal kills it. */
export async function startPromgateProcess({
  values,
  untilReady = true,
  ...limits
}: PromgateProcessOptions): Promise<PromgateProcess> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-system-'));
  parts.defer(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'promgate.yml');
  const listen = { host: '127.0.0.1', port: 0 };
  await writeFile(file, JSON.stringify({ listen, drain: { wait: '0s' }, ...values })); // also YAML
  const program = parts.use(runPromgate(['serve', '--config', file], limits));
  const log: LogLine[] = [];
  const readLog = (): readonly LogLine[] => {
    while (log.length < program.lines.length) log.push(JSON.parse(program.lines[log.length]!));
    return log;
  };
  const untilLogged: PromgateProcess['untilLogged'] = (msg, fields = {}) =>
    eventually(`"${msg}" in the log`, () =>
      readLog().find(
        (line) =>
          line.msg === msg && Object.entries(fields).every(([name, value]) => line[name] === value),
      ),
    );
  const ended = program.exited.then(({ code }) => {
    throw new Error(`promgate ended with ${code}: ${program.lines.join('\n')}${program.errors}`);
  });
  const { url } = await Promise.race([untilLogged('promgate listens'), ended]);
  if (typeof url !== 'string') throw new Error('promgate did not log where it listens');
  const get = (where: string, init?: RequestInit): Promise<Response> => fetch(url + where, init);
  const text = async (where: string, init?: RequestInit): Promise<string> =>
    (await get(where, init)).text();
  if (untilReady) {
    await eventually('promgate to be ready', async () => {
      const answer = await get('/readyz');
      await answer.arrayBuffer();
      return answer.ok || undefined;
    });
  }
  const owned = parts.move();
  return {
    pid: program.pid,
    url,
    get log() {
      return readLog();
    },
    get errors() {
      return program.errors;
    },
    untilLogged,
    exited: program.exited,
    kill: (signal) => program.kill(signal),
    get,
    text,
    metric: async (series) => {
      const page = await text('/metrics');
      const line = page.split('\n').find((one) => one.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length + 1));
    },
    openFiles: () => readdirSync(`/proc/${program.pid}/fd`).length,
    residentMemoryBytes: () => memoryBytes(program.pid, /^VmRSS:\s+(\d+) kB$/m),
    peakMemoryBytes: () => memoryBytes(program.pid, /^VmHWM:\s+(\d+) kB$/m),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function memoryBytes(pid: number, line: RegExp): number {
  return Number(line.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** The entry of `routes.gorouter` for a simulated one, polled as often as is allowed. */
export function gorouterValues({ url, username, password }: Gorouter): Record<string, string> {
  return { url, username, password, interval: '1s' };
}
