/**
 * How near answers come to those of a server without holes.
 *
 * Two groups, one of them a pair whose servers were away for 10 and for 5 minutes and lost 1 % of their scrapes. All
 * servers scrape the same counters and gauges, each at its own times. An answer may be 2 % off; where scrapes that
 * both servers lost forbid that, it may be 1.2 times as far off as one from all raw samples of both.
 */
import assert from 'node:assert/strict';
import { evaluate, type QueryResult } from '../../src/promql/evaluate/engine.ts';
import { memoryStorage } from '../../src/promql/evaluate/memory-storage.ts';
import type { SeriesBlock, Storage } from '../../src/promql/evaluate/storage.ts';
import { parse } from '../../src/promql/parse.ts';
import { mergeSeries } from '../../src/query/merge/merge-series.ts';
import { replicaSeries } from '../../src/query/merge/replica-series.ts';
import { unite } from '../../src/query/merge/unite.ts';
import { EVERYBODY, openTestFederation, type TestFederation } from '../support/federation.ts';
import { type QueryServer, startQueryServer } from '../support/query-server.ts';
import {
  countedTruth,
  SPAN_MS,
  START_MS,
  scrape,
  type Truth,
  walkingTruth,
} from '../support/scraped-series.ts';

const MINUTE_MS = 60_000;
const INSTANCES = 8;
const ALLOWED = 0.02;
const ALLOWED_TIMES_IDEAL = 1.2;

const QUERIES = [
  'sum(rate(requests_total[5m]))',
  'sum by (group) (rate(requests_total[5m]))',
  'sum by (dc) (increase(requests_total[15m]))',
  'histogram_quantile(0.9, sum by (le, dc) (rate(seconds_bucket[5m])))',
  'histogram_quantile(0.5, sum by (le, dc) (rate(seconds_bucket[1m])))',
  'quantile by (dc) (0.9, rate(requests_total[5m]))',
  'quantile by (dc) (0.5, rate(requests_total[1m]))',
  'rate(requests_total[1m])',
  'rate(requests_total[5m])',
  'stddev by (dc) (temperature)',
  'stddev by (dc) (rate(requests_total[5m]))',
  'sum(count_over_time(requests_total[5m]))',
  'count by (dc) (temperature)',
  'avg_over_time(temperature[5m])',
  'temperature',
  'max_over_time(rate(requests_total[1m])[10m:])',
];

function truthsOf(dc: string): readonly Truth[] {
  return Array.from({ length: INSTANCES }, (_, at) => at).flatMap((at) => {
    const seed = at + dc.charCodeAt(0) * 1_000;
    const own = [
      ['dc', dc],
      ['instance', `i${at}`],
    ] as const;
    const all = countedTruth(
      [['__name__', 'seconds_bucket'], ...own, ['le', '+Inf']],
      seed + 1,
      40,
    );
    const buckets = [0.3, 0.7, 0.9].map((share, nth) => ({
      labels: [['__name__', 'seconds_bucket'], ...own, ['le', `0.${nth + 1}`]] as const,
      ticks: all.ticks.map((level) => Math.floor(level * share)),
    }));
    return [
      countedTruth([['__name__', 'requests_total'], ...own, ['group', `g${at % 4}`]], seed, 5 + at),
      walkingTruth([['__name__', 'temperature'], ...own], seed + 2),
      ...[all, ...buckets],
    ];
  });
}

function withoutLabel(series: readonly SeriesBlock[], name: string): readonly SeriesBlock[] {
  return series.map((block) => ({
    ...block,
    labels: block.labels.filter(([label]) => label !== name),
  }));
}

/** All raw samples of two servers, markers of failed scrapes left out. */
async function idealOf(one: readonly SeriesBlock[], two: readonly SeriesBlock[]) {
  const unitePair = ([a, b]: readonly SeriesBlock[]): SeriesBlock =>
    unite(replicaSeries(a!), replicaSeries(b!));
  return mergeSeries(
    [one.map(withoutMarkers), two.map(withoutMarkers)],
    unitePair,
    () => undefined,
  );
}

function withoutMarkers(block: SeriesBlock): SeriesBlock {
  const { live, liveCount } = replicaSeries(block);
  if (live === undefined) return block;
  return {
    labels: block.labels,
    timesMs: Float64Array.from({ length: liveCount }, (_, at) => block.timesMs[live[at]!]!),
    values: Float64Array.from({ length: liveCount }, (_, at) => block.values[live[at]!]!),
  };
}

async function ask(text: string, storage: Storage): Promise<QueryResult> {
  const times = {
    startMs: START_MS + 20 * MINUTE_MS,
    endMs: START_MS + SPAN_MS - MINUTE_MS,
    stepMs: 15_000,
  };
  const rules = { delayedNameRemoval: false, typeLabels: false, startTimes: false };
  const settings = { lookbackMs: 5 * MINUTE_MS, subqueryStepMs: MINUTE_MS, storage };
  const query = { text, tree: parse(text) };
  return evaluate(query, { ...settings, ...times, ...rules }, { maxSamples: 5e7 });
}

/** The greatest relative difference, and cells that only one of both has. */
function difference(expected: QueryResult, actual: QueryResult) {
  const wanted = cellsOf(expected);
  const found = cellsOf(actual);
  let greatest = 0;
  for (const [key, value] of wanted) {
    const own = found.get(key);
    if (own !== undefined) greatest = Math.max(greatest, Math.abs(own - value) / Math.abs(value));
  }
  return {
    greatest,
    missing: [...wanted.keys()].filter((key) => !found.has(key)).length,
    extra: [...found.keys()].filter((key) => !wanted.has(key)).length,
  };
}

function cellsOf({ value }: QueryResult): ReadonlyMap<string, number> {
  assert.ok(value.type === 'vector');
  const { labels, steps, kinds, values } = value.columns;
  const cells = new Map<string, number>();
  for (const [row, { key }] of labels.entries()) {
    for (let step = 0; step < steps; step++) {
      const cell = row * steps + step;
      if (kinds[cell] !== 0) cells.set(`${key} ${step}`, values[cell] ?? 0);
    }
  }
  return cells;
}

for (const skewMs of [0, 5_000]) {
  describe(`answers over holes, clocks ${skewMs} ms apart`, () => {
    const single = truthsOf('x');
    const pair = truthsOf('y');
    const alone = scrape(single, { phaseMs: 2_000, seed: 3 });
    const whole = scrape(pair, { phaseMs: 4_000, seed: 11 });
    const first = scrape(pair, {
      ...{ phaseMs: 4_000, lostShare: 0.01, seed: 11 },
      holes: [[50 * MINUTE_MS, 60 * MINUTE_MS]],
    });
    const second = scrape(pair, {
      ...{ phaseMs: 9_000, lostShare: 0.01, seed: 12, skewMs },
      holes: [[80 * MINUTE_MS, 85 * MINUTE_MS]],
    });
    const truth = memoryStorage([...alone, ...whole]);
    let ideal: Storage;
    let servers: QueryServer[];
    let federation: TestFederation;

    before(async () => {
      // Clocks that differ make counters of all raw samples fall, so the ideal is that of equal clocks.
      const unskewed = scrape(pair, {
        ...{ phaseMs: 9_000, lostShare: 0.01, seed: 12 },
        holes: [[80 * MINUTE_MS, 85 * MINUTE_MS]],
      });
      ideal = memoryStorage([...alone, ...(await idealOf(first, unskewed))]);
      servers = await Promise.all([
        startQueryServer({ series: withoutLabel(alone, 'dc') }),
        startQueryServer({ series: withoutLabel(first, 'dc'), externalLabels: { replica: 'a' } }),
        startQueryServer({ series: withoutLabel(second, 'dc'), externalLabels: { replica: 'b' } }),
      ]);
      const [one, a, b] = servers.map(({ url }) => url);
      federation = openTestFederation([
        { name: 'x', urls: [one!], labels: { dc: 'x' } },
        { name: 'y', urls: [a!, b!], labels: { dc: 'y' } },
      ]);
    });

    after(async () => {
      await federation.close();
      for (const server of servers) await server[Symbol.asyncDispose]();
    });

    for (const text of QUERIES) {
      it(`${text} misses nothing, has nothing more, and is as near as can be`, async () => {
        const expected = await ask(text, truth);

        const ours = difference(expected, await ask(text, federation.open(EVERYBODY)));

        const best = difference(expected, await ask(text, ideal));
        // With clocks that differ, samples stand up to a third of an interval beside their time.
        const skewed = skewMs === 0 ? 0 : 0.1;
        const allowed = Math.max(ALLOWED, ALLOWED_TIMES_IDEAL * best.greatest) + skewed;
        assert.deepEqual({ missing: ours.missing, extra: ours.extra }, { missing: 0, extra: 0 });
        assert.ok(ours.greatest <= allowed, `${ours.greatest} off, allowed are ${allowed}`);
      });
    }
  });
}
