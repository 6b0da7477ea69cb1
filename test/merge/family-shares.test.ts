import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type InputPage, mergePages } from '../support/merged.ts';

const MAX = 24;

/** Families `from` to before `to`, by their numbers: pages overlap, as those of one app do. */
const ranges = fc.array(fc.record({ from: fc.nat(60), count: fc.integer({ min: 1, max: 20 }) }), {
  minLength: 1,
  maxLength: 10,
});
const arrivals = ranges.chain((pages) =>
  fc.record({
    pages: fc.constant(pages),
    order: fc.shuffledSubarray([...pages.keys()], { minLength: pages.length }),
  }),
);

describe('the families of a merge', () => {
  it('are shared so that the same pages fail in any order, and none within its share', async () => {
    await fc.assert(
      fc.asyncProperty(arrivals, fc.boolean(), async ({ pages, order }, quoted) => {
        const options = { maxFamilies: MAX, pages: pages.length };
        const inputs = pages.map(({ from, count }) => gauges('f', from, count, quoted));

        const merged = await mergePages(inputs, options);
        const other = await mergePages(inputs, options, { order });
        const walked = await mergePages(inputs, { ...options, scan: false }, { order });

        assert.deepEqual(merged.refused, tooLarge(pages));
        assert.deepEqual(other.refused, merged.refused);
        assert.equal(other.page.toString(), merged.page.toString());
        assert.equal(walked.page.toString(), merged.page.toString());
        const share = Math.floor(MAX / pages.length);
        for (const place of merged.refused) assert.ok(pages[place]!.count > share);
        assert.ok(merged.page.toString().split('# TYPE').length - 1 <= MAX);
      }),
      { numRuns: 300 },
    );
  });

  it('of one app’s huge pages cost no page of another app, first come or last', async () => {
    const huge = Array.from({ length: 6 }, (_, n) => gauges(`huge${n}_`, 0, 45_000));
    const small = gauges('small', 0, 500);
    const pages = [...huge, small];

    for (const order of [
      [0, 1, 2, 3, 4, 5, 6],
      [6, 5, 4, 3, 2, 1, 0],
    ]) {
      const { refused, page } = await mergePages(pages, { pages: 7 }, { order });

      assert.deepEqual(refused, [4, 5]); // four times 45,000 are within 200,000
      assert.match(page.toString('latin1'), /^small499\{/m);
    }
  }).timeout(60_000);

  it('are bound per page, also where another page named most of them before', async () => {
    const pages = [gauges('f', 0, 90_000), gauges('f', 0, 100_001)];

    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { refused } = await mergePages(pages, { pages: 2 }, { order });

      assert.deepEqual(refused, [1]);
    }
  }).timeout(60_000);
});

/** By the definition: the largest pages go, until the others fit. */
function tooLarge(pages: readonly { readonly from: number; readonly count: number }[]): number[] {
  const byCount = [...pages.entries()].sort(([a, x], [b, y]) => x.count - y.count || a - b);
  const named = new Set<number>();
  const fitting = byCount.findIndex(([, { from, count }]) => {
    for (let family = from; family < from + count; family++) named.add(family);
    return named.size > MAX;
  });
  const out = fitting < 0 ? [] : byCount.slice(fitting);
  return out.map(([place]) => place).sort((a, b) => a - b);
}

function gauges(prefix: string, from: number, count: number, quoted = false): InputPage {
  const lines = Array.from({ length: count }, (_, n) => {
    const name = `${prefix}${from + n}`;
    if (quoted) return `# HELP "${name}.x" It.\n# TYPE "${name}.x" gauge\n{"${name}.x"} 1\n`;
    return `# HELP ${name} It.\n# TYPE ${name} gauge\n${name} 1\n`;
  });
  return { bytes: Buffer.from(lines.join('')), format: 'text' };
}
