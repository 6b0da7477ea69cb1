/**
 * A child process whose CPU time and memory the benchmark reads from the kernel.
 *
 * Linux only: reads `/proc`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { cpuTimes } from './threads.ts';

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** User and system time of all threads since the start; the kernel counts in steps of 10 ms. */
  cpuSeconds(): number;
  rssBytes(): number;
  /** The largest RSS since the start. */
  peakRssBytes(): number;
  /** Sends SIGTERM and waits for the end of the process. Disposal sends SIGKILL instead. */
  stop(): Promise<void>;
  /** Writes a line to the standard input of the process. */
  send(line: string): void;
  /** Closes the standard input of the process. */
  closeInput(): void;
  /** The next line of standard output; undefined at the end of the output. */
  line(): Promise<string | undefined>;
  /** Reads the output on, and throws it away: else the child would wait once the pipe is full. */
  discard(): void;
}

/**
 * Starts this version of Node with `args`. The child inherits standard error.
 *
 * @param environment - variables in addition to those of this process
 */
export function startNode(args: readonly string[], cwd?: URL, environment = {}): Child {
  return startProgram(process.execPath, args, cwd, environment);
}

/** The same for any program; what its own children use is not counted. */
export function startProgram(
  program: string,
  args: readonly string[],
  cwd?: URL,
  environment = {},
): Child {
  const env = { ...process.env, ...environment };
  const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
  const reader = createInterface({ input: child.stdout });
  const lines = reader[Symbol.asyncIterator]();
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${program}`);
  return {
    pid,
    cpuSeconds: () => cpuTimes(`/proc/${pid}`).seconds,
    rssBytes: () => statusBytes(pid, 'VmRSS'),
    peakRssBytes: () => statusBytes(pid, 'VmHWM'),
    stop: () => end(child, 'SIGTERM'),
    send: (line) => void child.stdin.write(`${line}\n`),
    closeInput: () => child.stdin.end(),
    line: async () => (await lines.next()).value,
    discard: () => {
      reader.close();
      child.stdout.resume();
    },
    [Symbol.asyncDispose]: () => end(child, 'SIGKILL'),
  };
}

/** Starts a file of this folder with `options` as JSON; resolves when the file prints a line. */
export async function startScript(
  name: string,
  options: object,
): Promise<{ child: Child; firstLine: string }> {
  await using parts = new AsyncDisposableStack();
  const file = new URL(name, import.meta.url).pathname;
  const child = parts.use(startNode([file, JSON.stringify(options)]));
  const firstLine = await child.line();
  if (firstLine === undefined) throw new Error(`${name} ended before it was ready`);
  parts.move(); // the caller disposes of the child
  return { child, firstLine };
}

function statusBytes(pid: number, key: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.stdin?.end();
  child.kill(signal);
  await exited;
}
