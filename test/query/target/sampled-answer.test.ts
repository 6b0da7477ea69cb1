import assert from 'node:assert/strict';
import { ReadAccount, ReadBudget } from '../../../src/query/target/read-budget.ts';
import { readSampled } from '../../../src/query/target/sampled-answer.ts';
import { SeriesBuilder } from '../../../src/query/target/series-builder.ts';
import { uvarintOf } from '../../support/query-server/protobuf.ts';

const UNKNOWN_FIELD = Buffer.of(0x78, 0);

function nestedOf(field: number, ...parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(8 * field + 2), uvarintOf(bytes.length), bytes]);
}

/** Reads series of the only query. @returns how many steps that takes, and what was read */
function readAll(...series: readonly Buffer[]): { steps: number; budget: ReadBudget } {
  const budget = new ReadBudget({ maxSeries: 10, maxSamples: 1_000, maxBytes: 1 });
  const builder = new SeriesBuilder(new ReadAccount(budget, 'server'), {
    ...{ afterMs: -1, untilMs: 1e9 },
  });
  const steps = Array.from(readSampled(nestedOf(1, ...series), builder)).length;
  return { steps, budget };
}

describe('readSampled', () => {
  it('leaves out series without samples, one in a step', () => {
    const series = Array.from({ length: 5_000 }, (_, at) =>
      nestedOf(1, nestedOf(1, nestedOf(1, Buffer.from('a')), nestedOf(2, Buffer.from(`${at}`)))),
    );

    const { steps, budget } = readAll(...series);

    assert.ok(steps >= 5_000, `${steps} steps`);
    assert.equal(budget.series, 0);
  });

  it('goes over unknown fields in steps', () => {
    assert.ok(readAll(Buffer.alloc(200_000, UNKNOWN_FIELD)).steps > 10);
  });

  for (const [what, field, bytes] of [
    ['sample', 2, 2_000],
    ['histogram', 4, 2 ** 20 + 2],
  ] as const) {
    it(`refuses a ${what} that is longer than any`, () => {
      const long = nestedOf(field, Buffer.alloc(bytes, UNKNOWN_FIELD));

      assert.throws(() => readAll(nestedOf(1, long)), new RegExp(`a ${what} has more than`));
    });
  }
});
