/** What an evaluation may take: samples while the storage answers, memory, and time without a pause. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Budget } from '../../../src/promql/evaluate/budget.ts';
import { evaluate } from '../../../src/promql/evaluate/engine.ts';
import { EvaluationError } from '../../../src/promql/evaluate/failure.ts';
import { EMPTY_HISTOGRAM } from '../../../src/promql/evaluate/histogram.ts';
import { sortInTurns } from '../../../src/promql/evaluate/sort.ts';
import type { SeriesBlock, Storage } from '../../../src/promql/evaluate/storage.ts';
import { parse } from '../../../src/promql/parse.ts';

const TOO_MANY = 'query processing would load too many samples into memory in query execution';

type Limits = Parameters<typeof evaluate>[2];

function run(text: string, storage: Storage, limits: Limits) {
  return evaluate(
    { text, tree: parse(text) },
    {
      ...{ storage, startMs: 60_000, endMs: 60_000, stepMs: 0, lookbackMs: 300_000 },
      ...{
        subqueryStepMs: 60_000,
        delayedNameRemoval: false,
        typeLabels: false,
        startTimes: false,
      },
    },
    limits,
  );
}

async function failureOf(running: Promise<unknown>): Promise<EvaluationError> {
  try {
    await running;
  } catch (error) {
    assert.ok(error instanceof EvaluationError, String(error));
    return error;
  }
  throw new Error('the evaluation did not fail');
}

function block(labels: Readonly<Record<string, string>>, samples: number): SeriesBlock {
  return {
    labels: Object.entries({ __name__: 'a_total', ...labels }),
    timesMs: Float64Array.from({ length: samples }, (_, at) => at),
    values: new Float64Array(samples),
  };
}

describe('the samples of the storage', () => {
  it('are counted while they arrive, and the storage is told to stop at the limit', async () => {
    const told: number[] = [];
    let stopped: AbortSignal | undefined;
    const storage: Storage = {
      async select(_matchers, _range, _hints, signal, count) {
        stopped = signal;
        for (let frame = 1; frame <= 10; frame++) {
          count?.(60);
          told.push(frame * 60);
        }
        return [];
      },
    };

    const { message, failure } = await failureOf(run('a_total', storage, { maxSamples: 200 }));

    assert.deepEqual(
      { message, failure, told },
      { message: TOO_MANY, failure: 'execution', told: [60, 120, 180] },
    );
    assert.equal(stopped?.aborted, true);
  });

  it('end the evaluation also if the storage does not pass the error on', async () => {
    const storage: Storage = {
      select(_matchers, _range, _hints, _signal, count) {
        assert.throws(() => count?.(1_000), EvaluationError);
        return new Promise(() => undefined);
      },
    };

    const { message } = await failureOf(run('a_total', storage, { maxSamples: 200 }));

    assert.equal(message, TOO_MANY);
  });

  it('that were not counted while they arrived are counted afterwards, each once', async () => {
    const storage: Storage = {
      async select(_matchers, _range, _hints, _signal, count) {
        count?.(30);
        return [block({ pod: '1' }, 30), block({ pod: '2' }, 20)];
      },
    };

    const { samplesRead } = await run('a_total', storage, { maxSamples: 100 });
    const { message } = await failureOf(
      run('a_total', storage, { maxSamples: 100, maxLoadedSamples: 49 }),
    );

    assert.equal(samplesRead, 50);
    assert.equal(message, TOO_MANY);
  });

  it('are those of all selectors together', async () => {
    const storage: Storage = { select: async () => [block({}, 30)] };

    await run('a_total', storage, { maxSamples: 100, maxLoadedSamples: 50 });
    const { message } = await failureOf(
      run('a_total + a_total', storage, { maxSamples: 100, maxLoadedSamples: 50 }),
    );

    assert.equal(message, TOO_MANY);
  });

  it('weigh more with long labels and with histograms', async () => {
    const labels: Storage = { select: async () => [block({ long: 'x'.repeat(8_000) }, 1)] };
    const histogram = {
      ...EMPTY_HISTOGRAM,
      positive: {
        indices: Array.from({ length: 160 }, (_, at) => at),
        counts: new Array<number>(160).fill(1),
      },
    };
    const histograms: Storage = {
      select: async () => [
        { ...block({}, 10), histograms: new Array<typeof histogram>(10).fill(histogram) },
      ],
    };

    for (const storage of [labels, histograms]) {
      const { message } = await failureOf(run('a_total', storage, { maxSamples: 1_000 }));
      const { samplesRead } = await run('a_total', storage, { maxSamples: 3_000 });

      assert.equal(message, TOO_MANY);
      assert.ok(samplesRead <= 10);
    }
  });

  it('are not waited for once nobody wants the answer, even if the storage hangs', async () => {
    const stop = new AbortController();
    let told: AbortSignal | undefined;
    const storage: Storage = {
      select(_matchers, _range, _hints, signal) {
        told = signal;
        return new Promise(() => undefined);
      },
    };

    const running = run('a_total', storage, { maxSamples: 10, signal: stop.signal });
    stop.abort(new DOMException('late', 'TimeoutError'));
    const { failure } = await failureOf(running);

    assert.equal(failure, 'timeout');
    assert.equal(told?.aborted, true);
  });
});

describe('the steps of a subquery', () => {
  it('are bounded, since the values of one series at all steps are computed without a pause', async () => {
    const nothing: Storage = { select: async () => [] };

    const { value } = await run('count_over_time(vector(1)[4194304ms:1ms])', nothing, {
      maxSamples: 1e9,
    });
    const { message } = await failureOf(
      run('count_over_time(vector(1)[4194305ms:1ms])', nothing, { maxSamples: 1e9 }),
    );

    assert.ok(value.type === 'vector');
    assert.deepEqual([...value.columns.values], [4_194_304]);
    assert.equal(message, TOO_MANY);
  });
});

describe('a sort that gives turns', () => {
  it('orders like any stable sort', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 2_000 }),
        async (keys) => {
          const items = keys.map((key, at) => ({ key, at }));
          const budget = new Budget({ maxSamples: 0 });

          const sorted = await sortInTurns(items, (a, b) => a.key - b.key, budget);

          assert.deepEqual(
            sorted,
            items.toSorted((a, b) => a.key - b.key),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});

const SERIES = 5_000;

/** How often others get their turn while the clock makes a leap whenever the evaluation reads it. */
async function turnsOf(text: string): Promise<number> {
  const blocks = Array.from({ length: SERIES }, (_, at) =>
    block(
      {
        instance: `i-${(at * 7919) % SERIES}`,
        job: `j-${at % 50}`,
        le: at % 2 === 0 ? '1' : '+Inf',
      },
      5,
    ),
  );
  const storage: Storage = { select: async () => blocks };
  const { now } = performance;
  let clockMs = 0;
  let turns = 0;
  let isDone = false;
  const other = () => {
    turns++;
    if (!isDone) setImmediate(other);
  };
  setImmediate(other);
  performance.now = () => {
    clockMs += 100;
    return clockMs;
  };
  try {
    await run(text, storage, { maxSamples: 1e7 });
  } finally {
    performance.now = now;
    isDone = true;
  }
  return turns;
}

describe('others get their turn', () => {
  // Each of these goes through the label sets once more than the selector alone; the last column is how often.
  const cases: readonly (readonly [text: string, passes: number])[] = [
    ['-a_total', 1],
    ['sum by (instance) (a_total)', 1],
    ['avg by (instance) (a_total)', 1],
    ['max without (job) (a_total)', 1],
    ['topk by (instance) (1, a_total)', 1],
    ['count_values by (instance) ("v", a_total)', 4],
    ['a_total + a_total', 4],
    ['a_total and a_total', 3],
    ['a_total or a_total', 3],
    ['sort(a_total)', 4],
    ['label_replace(a_total, "x", "$1", "instance", "(.*)")', 1],
    ['histogram_quantile(0.5, a_total)', 2],
    ['rate(a_total[5m])', 1],
    ['a_total[5m]', 4],
    ['max_over_time(a_total[5m:1m])', 1],
  ];
  let alone = 0;
  before(async () => {
    alone = await turnsOf('a_total');
  });
  for (const [text, passes] of cases) {
    it(`while ${text} is evaluated over many series`, async () => {
      const turns = await turnsOf(text);

      // A pass through the labels of 5,000 series is 39 stretches of work; a few may fall into others.
      assert.ok(turns - alone >= 30 * passes, `${turns - alone} turns more than ${alone}`);
    });
  }
});
