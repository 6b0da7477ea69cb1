import assert from 'node:assert/strict';
import { createPage } from '../../src/demo/page.ts';

/** Chance that repeats itself: a linear congruential generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function valuesOf(page: string): Map<string, number> {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const blank = line.lastIndexOf(' ');
      return [line.slice(0, blank), Number(line.slice(blank + 1))];
    }),
  );
}

describe('the page of a simulated instance', () => {
  it('is the same at the same time with the same chance', () => {
    const print = () => createPage('shop', 1000, seeded(1)).print(1060);
    assert.equal(print(), print());
  });

  it('lives: its counters grow and never fall', () => {
    const page = createPage('shop', 1000, seeded(1));
    const before = valuesOf(page.print(1000));
    const after = valuesOf(page.print(1060));

    for (const [series, value] of after) {
      if (/_total|_bucket|_count|_sum/.test(series))
        assert.ok(value >= before.get(series)!, series);
    }
    const series = 'http_requests_total{route="/",code="200"}';
    assert.ok(after.get(series)! > before.get(series)!);
  });

  it('holds histograms whose buckets rise to their count', () => {
    const values = valuesOf(createPage('shop', 1000, seeded(7)).print(1600));
    const labels = 'route="/cart",code="200"';
    const buckets = [...values]
      .filter(([series]) => series.startsWith(`http_request_duration_seconds_bucket{${labels}`))
      .map(([, value]) => value);

    assert.equal(buckets.length, 10);
    assert.deepEqual(
      buckets,
      buckets.toSorted((a, b) => a - b),
    );
    assert.equal(buckets.at(-1), values.get(`http_request_duration_seconds_count{${labels}}`));
    assert.equal(buckets.at(-1), values.get(`http_requests_total{${labels}}`));
  });
});
