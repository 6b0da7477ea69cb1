/**
 * A real Prometheus server for one test: own port, own data folder, ended with the test.
 *
 * Debian's 2.42: the reader that promgate's pages must satisfy.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.ts';

export interface PrometheusOptions {
  /** The program's path, from `requireProgram(this, 'prometheus')`. */
  readonly program: string;
  /** Prometheus' configuration: YAML, or an object, printed as JSON, which is YAML too. */
  readonly config: string | Readonly<Record<string, unknown>>;
  /** Further arguments. */
  readonly args?: readonly string[];
  /** A folder with blocks of samples; a new, empty one by default. */
  readonly data?: string;
}

/** One series of an instant query's answer. */
interface QueryResult {
  readonly labels: Readonly<Record<string, string>>;
  readonly timestampSeconds: number;
  /** As Prometheus prints it: `NaN`, `+Inf`, `0.1`. */
  readonly value: string;
}

/** One entry of `/api/v1/targets`. */
export interface ScrapedTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
  readonly health: 'up' | 'down' | 'unknown';
  readonly lastError: string;
}

export interface Prometheus extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Instant query, now or at `atSeconds`. */
  query(promql: string, atSeconds?: number): Promise<QueryResult[]>;
  /** Active targets; empty until the first discovery has run, `unknown` until the first scrape. */
  targets(): Promise<ScrapedTarget[]>;
  /** The targets as soon as there are at least `count` and each has been scraped. */
  scrapedTargets(count: number): Promise<ScrapedTarget[]>;
  /** Any other GET of its API, such as `/api/v1/metadata`: the `data` of the answer. */
  api(pathAndQuery: string): Promise<unknown>;
}

/** Starts Prometheus on a free port of 127.0.0.1; resolves when it says that it is ready. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-prometheus-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'prometheus.json');
  const { config } = options;
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config));

  const server = spawn(
    options.program,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${options.data ?? path.join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
      '--enable-feature=exemplar-storage',
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  parts.defer(() => end(server));
  const url = `http://${await listeningAddress(server)}`;
  await eventually('Prometheus to be ready', async () => {
    const answer = await fetch(`${url}/-/ready`);
    await answer.arrayBuffer();
    return answer.ok || undefined;
  });

  const owned = parts.move();
  const api = (pathAndQuery: string): Promise<unknown> => ask(url + pathAndQuery);
  const targets = async (): Promise<ScrapedTarget[]> =>
    ((await api('/api/v1/targets?state=active')) as TargetsData).activeTargets;
  return {
    url,
    pid: server.pid!, // it has started
    api,
    query: async (promql, atSeconds) => {
      const time = atSeconds === undefined ? '' : `&time=${atSeconds}`;
      const data = await api(`/api/v1/query?query=${encodeURIComponent(promql)}${time}`);
      return (data as VectorData).result.map(({ metric, value }) => ({
        labels: metric,
        timestampSeconds: value[0],
        value: value[1],
      }));
    },
    targets,
    scrapedTargets: (count) =>
      eventually(`${count} targets to be scraped`, async () => {
        const all = await targets();
        const isDone = all.length >= count && all.every(({ health }) => health !== 'unknown');
        return isDone ? all : undefined;
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** `data` of an instant query whose result is a vector; a scalar's shape would differ. */
interface VectorData {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly value: readonly [number, string];
  }[];
}

interface TargetsData {
  readonly activeTargets: ScrapedTarget[];
}

async function ask(url: string): Promise<unknown> {
  const answer = await fetch(url);
  const body = (await answer.json()) as { status: string; data?: unknown; error?: string };
  if (body.status !== 'success') throw new Error(`${url}: ${body.error ?? answer.status}`);
  return body.data;
}

/** The address that Prometheus logs; its other lines are read and kept for the message of a failed start. */
async function listeningAddress(server: ChildProcess): Promise<string> {
  const log = createInterface({ input: server.stderr! }); // 'pipe' above
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    log.on('line', (line) => {
      const found = /msg="Listening on" address=(\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
      if (lines.length < 200) lines.push(line);
    });
    log.once('close', () => reject(new Error(`Prometheus did not start:\n${lines.join('\n')}`)));
  });
}

async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL'); // its data goes with the folder: nothing is worth an orderly stop
  await exited;
}
