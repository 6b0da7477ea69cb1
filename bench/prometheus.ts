/** Debian's Prometheus with samples of a benchmark, as a child process. */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { SeriesBlock } from '../src/promql/evaluate/storage.ts';
import { type Child, startProgram } from './child.ts';
import { openMetrics } from './promql-data.ts';

export interface BenchPrometheus extends AsyncDisposable {
  readonly child: Child;
  readonly url: string;
}

/** Starts Prometheus with the samples. */
export async function startBenchPrometheus(
  series: readonly SeriesBlock[],
  port: number,
  config: object = {},
): Promise<BenchPrometheus> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bench-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const [page, data, file] = ['page.txt', 'data', 'prometheus.yml'].map((name) =>
    path.join(folder, name),
  ) as [string, string, string];
  await pipeline(Readable.from(openMetrics(series)), createWriteStream(page));
  await promisify(execFile)('promtool', [
    ...['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', page, data],
  ]);
  await writeFile(file, JSON.stringify(config)); // JSON is YAML
  const child = parts.use(
    startProgram('prometheus', [
      ...[`--config.file=${file}`, `--storage.tsdb.path=${data}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
      '--storage.tsdb.retention.time=100y',
    ]),
  );
  child.discard();
  const url = `http://127.0.0.1:${port}`;
  await untilReady(`${url}/-/ready`);
  const owned = parts.move();
  return { child, url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Waits for a server to answer its readiness with success. */
export async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    await delay(100);
  }
  throw new Error(`${url} did not answer within 30 s`);
}
