/**
 * The command line of promgate as a process of its own: what it writes, how it ends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Disposal kills it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Lines of its standard output so far. */
  readonly lines: readonly string[];
  /** Its standard error so far. */
  readonly errors: string;
  /** Resolves when it, and what it has started, has ended, and all that was written is read. */
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/** npm and what it starts: a group of processes of its own, as a shell makes them. */
export interface NpmProgram extends Program {
  /** Sends a signal to all of them, as a terminal does; `kill` reaches npm alone. */
  killGroup(signal: NodeJS.Signals): void;
}

export interface PromgateLimits {
  /** How many files it may have open; default: as many as the tests. */
  readonly openFiles?: number | undefined;
  readonly nodeOptions?: readonly string[] | undefined;
  /** The file that Node runs; default: `src/main.ts`. */
  readonly script?: string;
  /** Variables besides those of the tests. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs `promgate <args>` by the Node that runs the tests. */
export function runPromgate(
  args: readonly string[],
  { openFiles, nodeOptions = [], environment, script: main = 'src/main.ts' }: PromgateLimits = {},
): Program {
  const all = [...nodeOptions, main, ...args];
  const how = { asGroup: false, environment };
  if (openFiles === undefined) return run(process.execPath, all, how);
  const script = `ulimit -n ${openFiles}; exec "$0" "$@"`;
  return run('sh', ['-c', script, process.execPath, ...all], how);
}

/** Runs `npm <args>` in the checkout. */
export function runNpm(args: readonly string[]): NpmProgram {
  return run('npm', args, { asGroup: true });
}

function run(
  command: string,
  args: readonly string[],
  {
    asGroup,
    environment,
  }: { readonly asGroup: boolean; readonly environment?: PromgateLimits['environment'] },
): NpmProgram {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...withoutSettings(process.env), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: asGroup,
  });
  const lines: string[] = [];
  const errors: string[] = [];
  let hasExited = false;
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const exited = once(child, 'close').then(([code, signal]): Exit => {
    hasExited = true;
    return { code, signal };
  });
  const { pid = 0 } = child; // without one, `exited` rejects with the reason
  const killGroup = (signal: NodeJS.Signals): void => {
    if (!asGroup) child.kill(signal);
    else if (pid > 0 && !hasExited) {
      try {
        process.kill(-pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // all have just ended
      }
    }
  };
  return {
    pid,
    lines,
    get errors() {
      return errors.join('');
    },
    exited,
    kill: (signal) => void child.kill(signal),
    killGroup,
    async [Symbol.asyncDispose]() {
      killGroup('SIGKILL');
      await exited;
    },
  };
}

/** Settings of whoever runs the tests are none of the program's. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = Object.entries(environment).filter(
    ([name]) => !/^(?:PROMGATE_|VCAP_|SERVICE_BINDING_ROOT$|MEMORY_LIMIT$|PORT$)/.test(name),
  );
  return Object.fromEntries(others);
}
