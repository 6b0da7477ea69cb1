/** Reads of servers that others have made. */
import assert from 'node:assert/strict';
import { compress } from 'snappyjs';
import { writeStale } from '../../../src/promql/evaluate/stale.ts';
import type { Matcher, SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import type { TargetError } from '../../../src/query/target/failure.ts';
import { DEFAULT_TARGET, type QueryTarget } from '../../../src/query/target/http.ts';
import { jsonRead } from '../../../src/query/target/json-read.ts';
import { ReadBudget } from '../../../src/query/target/read-budget.ts';
import { remoteRead } from '../../../src/query/target/remote-read.ts';
import { openTarget } from '../../../src/query/target/undici.ts';
import { type Prometheus, startPrometheus } from '../../support/prometheus.ts';
import { writeRequest } from '../../support/query-server/protobuf.ts';
import { requireProgram } from '../../support/require-program.ts';
import { freeze } from '../../support/server-process.ts';
import { startVictoriaMetrics } from '../../support/victoria-metrics.ts';
import { comparable, histogramSeries, numbers, STEP_MS } from './some-series.ts';

const SAMPLES = 400;
/** Servers take samples of the last hours. */
const FIRST_MS = (Math.floor(Date.now() / STEP_MS) - SAMPLES) * STEP_MS;
const RANGE = { afterMs: FIRST_MS - 1, untilMs: FIRST_MS + SAMPLES * STEP_MS };
const HINTS = { function: '', stepMs: 0, rangeMs: 0 };
const HAS_NAME: readonly Matcher[] = [{ name: '__name__', op: '=~', value: 'a|b|ended|h.*' }];

/** Numbers of any size, as Prometheus keeps them. */
function anyNumber(at: number): number {
  return (at * 7919) % 13 === 0 ? 1e300 : at / 3;
}

/** Decimals of a similar size: VictoriaMetrics stores all numbers of a block with one exponent. */
function decimal(at: number): number {
  return at / 4 - 50;
}

function plainSeries(value: (at: number) => number): SeriesBlock[] {
  const ended = numbers([['__name__', 'ended']], [1, 2, 3, 0], FIRST_MS);
  writeStale(ended.values, 3);
  const values = Array.from({ length: SAMPLES }, (_, at) => value(at));
  return [
    numbers(
      [
        ['__name__', 'a'],
        ['path', '/ä"\\'],
      ],
      Array.from({ length: SAMPLES }, (_, at) => at * 10),
      FIRST_MS,
    ),
    numbers([['__name__', 'b']], values, FIRST_MS),
    ended,
  ];
}

async function write(url: string, series: readonly SeriesBlock[]): Promise<void> {
  const answer = await fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: { 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0' },
    body: compress(writeRequest(series)),
  });
  assert.equal(await answer.text(), '');
  assert.equal(answer.status, 204);
}

function target(url: string): QueryTarget {
  return openTarget({ ...DEFAULT_TARGET, url: new URL(url), dialTimeoutMs: 10_000 });
}

function options(): { signal: AbortSignal; budget: ReadBudget } {
  const bounds = { maxSeries: 100, maxSamples: 100_000, maxBytes: 10_000_000 };
  return { signal: new AbortController().signal, budget: new ReadBudget(bounds) };
}

/** The query API does not show the markers of ended series. */
function withoutMarkers(blocks: readonly SeriesBlock[]): SeriesBlock[] {
  return blocks.map((block) => {
    const length = block.timesMs.length - (block.labels[0]?.[1] === 'ended' ? 1 : 0);
    const [timesMs, values] = [block.timesMs.subarray(0, length), block.values.subarray(0, length)];
    return { ...block, timesMs, values };
  });
}

/** Hints tell where chunks begin, which the server decides. */
function withoutHints(blocks: readonly SeriesBlock[]): SeriesBlock[] {
  return blocks.map((block) => ({
    ...block,
    ...(block.histograms && {
      histograms: block.histograms.map((one) => one && { ...one, hint: 'unknown' as const }),
    }),
  }));
}

describe('reads of a real Prometheus', () => {
  let prometheus: Prometheus;
  let from: QueryTarget;
  const series = [
    ...plainSeries(anyNumber),
    histogramSeries([['__name__', 'h_integers']], SAMPLES, 1, FIRST_MS),
    histogramSeries([['__name__', 'h_floats']], SAMPLES, 0.5, FIRST_MS),
  ];

  before(async function () {
    prometheus = await startPrometheus({
      program: requireProgram(this, 'prometheus'),
      config: { global: { external_labels: { region: 'eu' } } },
      args: ['--web.enable-remote-write-receiver', '--enable-feature=native-histograms'],
    });
    await write(prometheus.url, series);
    from = target(prometheus.url);
  });
  after(async () => {
    await from?.[Symbol.asyncDispose]();
    await prometheus?.[Symbol.asyncDispose]();
  });

  it('gives its samples by remote read, with its external labels', async () => {
    const wanted = { matchers: HAS_NAME, range: RANGE, hints: HINTS };

    const found = await remoteRead(from, wanted, options());

    const labelled = series.map((block) => ({
      ...block,
      labels: [...block.labels, ['region', 'eu'] as const],
    }));
    assert.deepEqual(comparable(withoutHints(found)), comparable(withoutHints(labelled)));
    const integers = found.find(({ labels }) => labels[0]?.[1] === 'h_integers');
    assert.equal(integers?.histograms?.[1]?.hint, 'not_reset');
  });

  it('gives a part of its samples', async () => {
    const range = { afterMs: FIRST_MS + 99 * STEP_MS, untilMs: FIRST_MS + 250 * STEP_MS + 5 };
    const matchers = [{ name: '__name__', op: '=', value: 'a' }] as const;

    const [block] = await remoteRead(from, { matchers, range, hints: HINTS }, options());

    assert.equal(block?.timesMs.length, 151);
    assert.equal(block.timesMs[0], FIRST_MS + 100 * STEP_MS);
  });

  it('gives its samples by the query API', async () => {
    // Prometheus 2.42 shows the last histogram of a series at all of its times: numbers only.
    const matchers = [{ name: '__name__', op: '=~', value: 'a|b|ended' }] as const;

    const { series: found } = await jsonRead(from, { matchers, range: RANGE }, options());

    assert.deepEqual(comparable(found), comparable(withoutMarkers(plainSeries(anyNumber))));
  });
});

describe('reads of a real Prometheus that fails', () => {
  it('end with their signal while it stands still, and give no part when it is killed', async function () {
    const program = requireProgram(this, 'prometheus');
    const args = ['--web.enable-remote-write-receiver'];
    await using prometheus = await startPrometheus({ program, config: {}, args });
    await write(prometheus.url, plainSeries(anyNumber));
    await using from = target(prometheus.url);
    const wanted = { matchers: HAS_NAME, range: RANGE, hints: HINTS };
    assert.equal((await remoteRead(from, wanted, options())).length, 3);

    await freeze([prometheus.pid]);
    const frozen = remoteRead(from, wanted, { ...options(), signal: AbortSignal.timeout(100) });
    await assert.rejects(frozen, { failure: 'timeout' });
    const killed = remoteRead(from, wanted, options());
    process.kill(prometheus.pid, 'SIGKILL');
    await assert.rejects(killed, (error: TargetError) => {
      return error.failure === 'connect' || error.failure === 'truncated';
    });
    await assert.rejects(remoteRead(from, wanted, options()), { failure: 'connect' });
  });
});

describe('reads of a real VictoriaMetrics', () => {
  it('gives its samples by the query API', async function () {
    await using server = await startVictoriaMetrics(requireProgram(this, 'victoria-metrics'));
    const series = plainSeries(decimal);
    await write(server.url, series);
    await server.flush();
    await using from = target(server.url);

    const { series: found } = await jsonRead(from, { matchers: HAS_NAME, range: RANGE }, options());

    assert.deepEqual(comparable(found), comparable(series));
  });
});
