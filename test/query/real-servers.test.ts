/** Two real Prometheus servers with different holes, which are stopped, frozen and started again. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { evaluate } from '../../src/promql/evaluate/engine.ts';
import { memoryStorage } from '../../src/promql/evaluate/memory-storage.ts';
import type { SeriesBlock, Storage } from '../../src/promql/evaluate/storage.ts';
import { parse } from '../../src/promql/parse.ts';
import { eventually } from '../support/eventually.ts';
import { EVERYBODY, openTestFederation, type TestFederation } from '../support/federation.ts';
import { requireProgram } from '../support/require-program.ts';
import { notedLabels, seriesOf } from '../support/sample-series.ts';
import { endServer, freePort, freeze, runAs, startServer } from '../support/server-process.ts';

const AT_MS = 1_700_000_000_000;
const SAMPLES = Array.from({ length: 400 }, (_, at) => at * 7 + (at % 5));
const HOLES = [
  [100, 140],
  [200, 220],
] as const;

/** The counters of two instances, as a server without holes has them. */
const whole = ['a', 'b'].map((instance, nth) =>
  seriesOf(`requests_total{instance="${instance}"}`, AT_MS + nth * 1_000, SAMPLES),
);

/** The same of a server with a hole. */
const holed = (at: number): readonly SeriesBlock[] =>
  whole.map((block) => {
    const [from, to] = HOLES[at]!;
    const kept = [...block.timesMs.keys()].filter((one) => one < from || one >= to);
    return {
      labels: block.labels,
      timesMs: Float64Array.from(kept, (one) => block.timesMs[one]!),
      values: Float64Array.from(kept, (one) => block.values[one]!),
    };
  });

function openMetrics(series: readonly SeriesBlock[]): string {
  const lines = series.flatMap(({ labels, timesMs, values }) => {
    const own = labels.filter(([name]) => name !== '__name__');
    const text = own.map(([name, value]) => `${name}="${value}"`).join();
    return Array.from(timesMs, (ms, at) => `requests_total{${text}} ${values[at]} ${ms / 1000}`);
  });
  return `# TYPE requests counter\n${lines.join('\n')}\n# EOF\n`;
}

class RealServer {
  readonly url: string;
  readonly #args: readonly string[];
  readonly #program: string;
  process: ChildProcess | undefined;

  constructor(program: string, port: number, folder: string, config: string) {
    this.#program = program;
    this.url = `http://127.0.0.1:${port}`;
    this.#args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${folder}`,
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=127.0.0.1:${port}`,
    ];
  }

  async start(): Promise<void> {
    const ready = /Server is ready to receive web requests/;
    this.process = await startServer({ program: this.#program, args: this.#args, ready });
    await eventually('Prometheus to be ready', async () => {
      const answer = await fetch(`${this.url}/-/ready`);
      await answer.arrayBuffer();
      return answer.ok || undefined;
    });
  }

  async kill(): Promise<void> {
    if (this.process) await endServer(this.process, 'SIGKILL');
  }
}

async function ask(text: string, storage: Storage) {
  const times = { startMs: AT_MS + 600_000, endMs: AT_MS + 5_400_000, stepMs: 60_000 };
  const rules = { delayedNameRemoval: false, typeLabels: false, startTimes: false };
  const settings = { lookbackMs: 300_000, subqueryStepMs: 60_000, storage };
  const query = { text, tree: parse(text) };
  const { value } = await evaluate(query, { ...settings, ...times, ...rules }, { maxSamples: 1e7 });
  assert.ok(value.type === 'vector');
  const { labels, values } = value.columns;
  return { labels: labels.map(({ key }) => key), values: [...values] };
}

describe('two real Prometheus servers', () => {
  const truth = memoryStorage(whole);
  const servers: RealServer[] = [];
  let folder: string;
  let federation: TestFederation;

  before(async function () {
    this.timeout(120_000);
    const program = requireProgram(this, 'prometheus');
    const promtool = requireProgram(this, 'promtool');
    folder = await mkdtemp(path.join(tmpdir(), 'promgate-real-'));
    for (const at of [0, 1]) {
      const data = path.join(folder, `data-${at}`);
      const page = path.join(folder, `page-${at}`);
      const config = path.join(folder, `config-${at}.yml`);
      await writeFile(page, openMetrics(holed(at)));
      await writeFile(config, `global: { external_labels: { replica: r${at}, dc: "x" } }\n`);
      await runAs({}, promtool, ['tsdb', 'create-blocks-from', 'openmetrics', page, data]);
      servers.push(new RealServer(program, await freePort(), data, config));
    }
    await Promise.all(servers.map((server) => server.start()));
    federation = openTestFederation([{ name: 'pair', urls: servers.map(({ url }) => url) }]);
  });

  after(async () => {
    await federation?.close();
    await Promise.all(servers.map((server) => server.kill()));
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** What the federation answers, and whether it is what a server without holes would. */
  const askPair = async (text = 'rate(requests_total[5m])') => {
    const storage = federation.open(EVERYBODY);
    const found = await ask(text, storage);
    return { isWhole: isEqual(found, await ask(text, truth)), warnings: storage.warnings() };
  };

  it('answer as one without holes, and without their external labels', async () => {
    const blocks = await federation
      .open(EVERYBODY)
      .select(
        [{ name: '__name__', op: '=', value: 'requests_total' }],
        { afterMs: AT_MS, untilMs: AT_MS + 6_000_000 },
        { function: '', stepMs: 0, rangeMs: 0 },
      );

    assert.deepEqual(blocks.map(notedLabels).sort(), [
      '__name__=requests_total instance=a',
      '__name__=requests_total instance=b',
    ]);
    for (const text of [
      'rate(requests_total[5m])',
      'sum(requests_total)',
      'quantile(0.5, rate(requests_total[2m]))',
    ])
      assert.deepEqual(await askPair(text), { isWhole: true, warnings: [] });
  });

  it('answer without the one that is frozen, and with it once it runs again', async () => {
    const [frozen] = servers;
    await freeze([frozen!.process!.pid!]);

    const { isWhole, warnings } = await askPair();

    assert.equal(isWhole, false);
    assert.match(warnings.join(), /left out/);
    frozen!.process!.kill('SIGCONT');
    await eventually(
      'the server to be asked again',
      async () => (await askPair()).warnings.length === 0 || undefined,
    );
    assert.deepEqual(await askPair(), { isWhole: true, warnings: [] });
  });

  it('answer without the one that was killed, and with it once it is started again', async function () {
    this.timeout(60_000);
    const [, killed] = servers;
    await killed!.kill();

    assert.match((await askPair()).warnings.join(), /left out/);
    await killed!.start();
    await eventually(
      'the server to be asked again',
      async () => (await askPair()).warnings.length === 0 || undefined,
    );
    assert.deepEqual(await askPair(), { isWhole: true, warnings: [] });
  });
});

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false; // the answer is that they differ
  }
}
