/**
 * The caching proxy as users run it: a process of its own, with a folder of its own for the control
 * socket.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './eventually.ts';
import { type Exit, type Program, runPromgate } from './program.ts';

/** How a command ended. */
interface Ended extends Exit {
  readonly output: string;
  readonly errors: string;
}

interface RunningProxy extends AsyncDisposable {
  readonly program: Program;
  readonly url: string;
  readonly port: number;
  readonly metricsUrl: string;
  get(target: string, init?: RequestInit): Promise<Response>;
  /** What the proxy says of its cache for a page, which is read to its end. */
  mark(target: string, init?: RequestInit): Promise<string | null>;
}

/** Runs proxies and commands of one user. */
export interface ProxyUser extends AsyncDisposable {
  readonly controlFolder: string;
  /** Starts `caching-proxy` on free ports; resolves when it listens. */
  start(
    flags: readonly string[],
    environment?: Readonly<Record<string, string>>,
  ): Promise<RunningProxy>;
  /** Runs `caching-proxy` to its end. */
  run(...flags: readonly string[]): Promise<Ended>;
}

const PORTS = ['--host', '127.0.0.1', '--port', '0', '--metrics-port', '0'];
const SCRIPT = 'src/caching-proxy.ts';

export async function startProxyUser(): Promise<ProxyUser> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-proxy-'));
  parts.defer(() => rm(folder, { recursive: true }));
  const limits = { script: SCRIPT, environment: { XDG_RUNTIME_DIR: folder } };
  const owned = parts.move();
  return {
    controlFolder: path.join(folder, 'promgate'),
    start: async (flags, more) => {
      const environment = { ...limits.environment, ...more };
      const program = owned.use(runPromgate([...PORTS, ...flags], { ...limits, environment }));
      const ended = program.exited.then(({ code }) => {
        throw new Error(`it ended with ${code}: ${program.lines.join('\n')}${program.errors}`);
      });
      const listening = eventually('the proxy to listen', () => {
        const lines = program.lines.map((line): Record<string, string> => JSON.parse(line));
        return lines.find(({ msg }) => msg === 'promgate listens');
      });
      const { url = '', metrics_url: metricsUrl = '' } = await Promise.race([listening, ended]);
      ended.catch(() => undefined); // it may end later
      const get: RunningProxy['get'] = (target, init) => fetch(url + target, init);
      return {
        ...{ program, url, metricsUrl, get, port: Number(new URL(url).port) },
        mark: async (target, init) => {
          const answer = await get(target, init);
          await answer.arrayBuffer();
          return answer.headers.get('x-cache');
        },
        [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
      };
    },
    run: async (...flags) => {
      await using program = runPromgate(flags, limits);
      const exit = await program.exited;
      return { ...exit, output: program.lines.join('\n'), errors: program.errors };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
