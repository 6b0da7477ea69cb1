/** What an evaluation is told and held to: names, limits, signals, and what it asks of the storage. */
import assert from 'node:assert/strict';
import { evaluate, type QueryResult } from '../../../src/promql/evaluate/engine.ts';
import { EvaluationError } from '../../../src/promql/evaluate/failure.ts';
import type { Settings } from '../../../src/promql/evaluate/settings.ts';
import type { SelectHints, Storage, TimeRange } from '../../../src/promql/evaluate/storage.ts';
import { writeSeries } from '../../../src/promql/evaluate/write-labels.ts';
import { parse } from '../../../src/promql/parse.ts';
import { readCorpusFile } from '../corpus/corpus-file.ts';
import { CorpusStorage } from '../corpus/corpus-storage.ts';

function stored(load: string): Storage {
  let storage = new CorpusStorage();
  for (const command of readCorpusFile(load)) {
    if (command.kind === 'load') storage = storage.with(command);
  }
  return storage.storage();
}

function run(
  text: string,
  storage: Storage,
  change: Partial<Settings> & { readonly maxSamples?: number; readonly signal?: AbortSignal } = {},
): Promise<QueryResult> {
  const { maxSamples = 10_000, signal, ...settings } = change;
  return evaluate(
    { text, tree: parse(text) },
    {
      ...{ storage, startMs: 600_000, endMs: 600_000, stepMs: 0, lookbackMs: 300_000 },
      ...{
        subqueryStepMs: 60_000,
        delayedNameRemoval: false,
        typeLabels: false,
        startTimes: false,
      },
      ...settings,
    },
    { maxSamples, ...(signal === undefined ? {} : { signal }) },
  );
}

function seriesOf({ value }: QueryResult): string[] {
  return value.type === 'vector' ? value.columns.labels.map(writeSeries) : [];
}

async function failureOf(running: Promise<unknown>): Promise<EvaluationError> {
  const reason = await running.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(reason instanceof EvaluationError, String(reason));
  return reason;
}

const TWO = stored('load 1m\n  a{job="x"} 1x20\n  b{job="x"} 2x20\n');

describe('names', () => {
  it('are removed at once by default, so that two series may become one', async () => {
    const { message } = await failureOf(run('{__name__=~"a|b"} * 2', TWO));

    assert.equal(message, 'vector cannot contain metrics with the same labelset');
  });

  it('stay readable until the end if their removal is delayed', async () => {
    const text = 'sum by (__name__) ({__name__=~"a|b"} * 2 > 2)';

    const delayed = await run(text, TWO, { delayedNameRemoval: true });

    assert.deepEqual(seriesOf(delayed), ['{}']);
  });

  it('join series that never have a sample at the same step', async () => {
    const storage = stored('load 1m\n  a{job="x"} 1x9 stale\n  b{job="x"} _x11 2x9\n');

    const result = await run('{__name__=~"a|b"} * 2', storage, {
      ...{ startMs: 480_000, endMs: 780_000, stepMs: 60_000 },
    });

    assert.deepEqual(seriesOf(result), ['{job="x"}']);
    assert.ok(result.value.type === 'vector');
    assert.deepEqual([...result.value.columns.kinds], [1, 1, 0, 1, 1, 1]);
  });
});

describe('limits', () => {
  it('refuse more samples than allowed, whatever holds them', async () => {
    const storage = stored('load 1m\n  a{pod="1"} 1x60\n  a{pod="2"} 1x60\n');
    const range = { startMs: 0, endMs: 3_000_000, stepMs: 60_000, maxSamples: 90 };

    for (const text of ['a', 'a + a', 'rate(a[5m])', 'sum(a)']) {
      const { message, failure } = await failureOf(run(text, storage, range));

      assert.equal(failure, 'execution');
      assert.match(message, /^query processing would load too many samples into memory in/);
    }
    const { peakSamples } = await run('a', storage, { ...range, maxSamples: 1000 });
    assert.equal(peakSamples, 102);
  });

  it('count the samples of a window, and those of a range that is itself the answer', async () => {
    const storage = stored('load 1s\n  a 1x600\n');

    for (const text of ['max_over_time(a[5m])', 'a[5m]']) {
      const { message } = await failureOf(run(text, storage, { maxSamples: 299 }));

      assert.match(message, /too many samples/);
      await run(text, storage, { maxSamples: 400 });
    }
  });

  it('refuse more steps than samples, before memory is taken for them', async () => {
    const steps = { startMs: 0, endMs: 1e15, stepMs: 1 };

    const subquery = await failureOf(run('sum_over_time(vector(1)[100y:1ms])', TWO));
    const range = await failureOf(run('vector(1)', TWO, steps));

    assert.match(subquery.message, /too many samples/);
    assert.match(range.message, /too many samples/);
  });

  it('free what the parts of an expression held once its value is there', async () => {
    const storage = stored('load 1m\n  a{pod="1"} 1x20\n  a{pod="2"} 1x20\n');
    const sums = new Array(50).fill('sum(a)').join(' + ');

    const { peakSamples } = await run(sums, storage);

    assert.ok(peakSamples < 10, String(peakSamples));
  });
});

describe('signals', () => {
  const many = stored(
    `load 1s\n${Array.from({ length: 300 }, (_, pod) => `  a{pod="${pod}"} 1+1x600`).join('\n')}\n`,
  );
  const long = { startMs: 0, endMs: 600_000, stepMs: 1000, maxSamples: 1e7 };

  it('end an evaluation as timed out or as canceled', async () => {
    const timeout = new DOMException('late', 'TimeoutError');
    const late = await failureOf(run('a', many, { ...long, signal: AbortSignal.abort(timeout) }));
    const gone = await failureOf(run('a', many, { ...long, signal: AbortSignal.abort() }));

    assert.equal(late.message, 'query timed out in expression evaluation');
    assert.equal(late.failure, 'timeout');
    assert.equal(gone.message, 'query was canceled in expression evaluation');
    assert.equal(gone.failure, 'canceled');
  });

  it('are heard while an evaluation runs, since others get their turns', async () => {
    const stop = new AbortController();
    const running = run('stddev_over_time(a[5m])', many, { ...long, signal: stop.signal });
    let turns = 0;
    const timer = setInterval(() => {
      turns++;
      if (turns === 3) stop.abort();
    }, 0);

    const { failure } = await failureOf(running);
    clearInterval(timer);

    assert.equal(failure, 'canceled');
    assert.equal(turns, 3);
  });
});

describe('the storage', () => {
  it('is asked once for each selector, for the times that the selector reads', async () => {
    const asked: { readonly range: TimeRange; readonly hints: SelectHints }[] = [];
    const storage: Storage = {
      async select(_matchers, range, hints) {
        asked.push({ range, hints });
        return [];
      },
    };

    await run('sum(a offset 1m) + rate(b[2m]) + max_over_time(c[10m:1m] @ 300)', storage, {
      ...{ startMs: 600_000, endMs: 660_000, stepMs: 30_000 },
    });

    assert.deepEqual(asked, [
      {
        range: { afterMs: 240_000, untilMs: 600_000 },
        hints: { function: 'sum', stepMs: 30_000, rangeMs: 0 },
      },
      {
        range: { afterMs: 480_000, untilMs: 660_000 },
        hints: { function: 'rate', stepMs: 30_000, rangeMs: 120_000 },
      },
      {
        range: { afterMs: -540_000, untilMs: 300_000 },
        hints: { function: '', stepMs: 60_000, rangeMs: 0 },
      },
    ]);
  });

  it('is named as the cause if it fails', async () => {
    const storage: Storage = {
      select: () => Promise.reject(new Error('connection refused')),
    };

    const error = await failureOf(run('a', storage));

    assert.equal(error.message, 'expanding series: connection refused');
  });
});

describe('a range query', () => {
  it('takes scalars and instant vectors only', async () => {
    const steps = { startMs: 0, endMs: 120_000, stepMs: 60_000 };

    const range = await failureOf(run('a[5m]', TWO, steps));
    const text = await failureOf(run('"a"', TWO, steps));
    const { value } = await run('time()', TWO, steps);

    assert.equal(
      range.message,
      'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    );
    assert.match(text.message, /type "string"/);
    assert.ok(value.type === 'scalar');
    assert.deepEqual([...value.values], [0, 60, 120]);
  });

  it('comes ordered by labels, and has the same value at all steps where nothing depends on them', async () => {
    const steps = { startMs: 600_000, endMs: 720_000, stepMs: 60_000 };

    const result = await run('{__name__=~"a|b"} @ 60 offset 1m', TWO, steps);

    assert.deepEqual(seriesOf(result), ['a{job="x"}', 'b{job="x"}']);
    assert.ok(result.value.type === 'vector');
    assert.deepEqual([...result.value.columns.values], [1, 1, 1, 2, 2, 2]);
  });
});

describe('type labels', () => {
  it('tell a counter by its type instead of its name', async () => {
    const storage = stored(
      'load 1m\n  a{__type__="counter"} 1+1x20\n  b_total{__type__="gauge"} 1+1x20\n',
    );

    const counter = await run('rate(a[5m])', storage, { typeLabels: true });
    const gauge = await run('rate(b_total[5m])', storage, { typeLabels: true });

    assert.deepEqual(counter.infos, []);
    assert.deepEqual(gauge.infos, [
      'PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "gauge": "b_total" (1:6)',
    ]);
    assert.deepEqual(seriesOf(counter), ['{}']);
  });
});
