import assert from 'node:assert/strict';
import type { SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { TargetError } from '../../../src/query/target/failure.ts';
import { ReadAccount, ReadBudget } from '../../../src/query/target/read-budget.ts';
import { SeriesBuilder } from '../../../src/query/target/series-builder.ts';

const A = [['a', '1']] as const;
const B = [['a', '2']] as const;
const RANGE = { afterMs: -1, untilMs: 1e9 };

function builderOf(maxSamples: number): SeriesBuilder {
  const bounds = { maxSeries: 10, maxSamples, maxBytes: 1 };
  return new SeriesBuilder(new ReadAccount(new ReadBudget(bounds), 'server'), RANGE);
}

/** Adds samples at so many milliseconds from a time on; each has its time for a value. */
function add(builder: SeriesBuilder, fromMs: number, count: number): void {
  builder.add((columns) => {
    columns.reserve(count);
    for (let at = fromMs; at < fromMs + count; at++) columns.pushNumber(at, at);
  });
}

function finished(builder: SeriesBuilder): { series: readonly SeriesBlock[]; steps: number } {
  const finishing = builder.finish();
  for (let steps = 0; ; steps++) {
    const step = finishing.next();
    if (step.done === true) return { series: step.value, steps };
  }
}

describe('SeriesBuilder', () => {
  it('copies no sample when a server goes back to a series', () => {
    const builder = builderOf(1_000_000);
    let copied = 0;
    const append = builder.columns.append.bind(builder.columns);
    builder.columns.append = (samples) => {
      copied += samples.timesMs.length;
      append(samples);
    };
    builder.begin(A);
    add(builder, 0, 1_000);
    builder.begin(B);
    add(builder, 0, 1);
    for (let at = 0; at < 100; at++) {
      builder.begin(A);
      add(builder, 1_000 + at, 1);
      builder.begin(B);
    }
    assert.equal(copied, 0);

    const { series, steps } = finished(builder);

    assert.equal(copied, 1_100); // once, at the end
    assert.ok(steps > 100, `${steps} steps`);
    assert.deepEqual(
      series.map(({ timesMs }) => timesMs.length),
      [1_100, 1],
    );
    assert.deepEqual([...series[0]!.values], [...series[0]!.timesMs]);
  });

  it('joins parts that overlap and are in no order', () => {
    const builder = builderOf(1_000);
    for (const [labels, fromMs, count] of [
      ...([
        [A, 50, 50],
        [B, 7, 3],
        [A, 0, 20],
        [B, 0, 2],
        [A, 10, 60],
      ] as const),
    ]) {
      builder.begin(labels);
      add(builder, fromMs, count);
    }

    const [a, b] = finished(builder).series;

    assert.deepEqual(
      [...a!.timesMs],
      Array.from({ length: 100 }, (_, at) => at),
    );
    assert.deepEqual([...b!.timesMs], [0, 1, 7, 8, 9]);
  });

  it('counts each part of a series as memory', () => {
    const builder = builderOf(1_000);

    const alternate = (): void => {
      for (let at = 0; at < 1_000; at++) {
        builder.begin(at % 2 === 0 ? A : B);
        add(builder, at, 1);
      }
    };

    assert.throws(
      alternate,
      (error) => error instanceof TargetError && error.failure === 'too-big',
    );
  });
});
