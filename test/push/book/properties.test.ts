/** What holds for any pushes, whatever their order. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  counter,
  linesOf,
  openLedger,
  type PushOptions,
  pushOf,
  type TestFamily,
} from '../../support/pushes.ts';

const kind = fc.constantFrom('a', 'b', 'c');
/** Tenths, whose doubles are not exact. */
const tenths = fc.integer({ min: 0, max: 10_000 });

const counters = fc
  .record({ name: fc.constantFrom('x_total', 'y_total'), kind, value: tenths })
  .map(({ name, kind: label, value }) => counter(name, value / 10, { kind: label }));

const bounds = fc
  .uniqueArray(fc.constantFrom(0.1, 0.5, 1, 2, 5, 10), { maxLength: 4 })
  .map((list) => list.toSorted((a, b) => a - b));

/** A histogram of these buckets, with random observations. */
const histograms = fc
  .record({ les: bounds, observed: fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 6 }) })
  .map(({ les, observed }): TestFamily => {
    const values = observed.map((tenth) => tenth / 10);
    const buckets = les.map((le) => values.filter((value) => value <= le).length);
    const sum = observed.reduce((total, tenth) => total + tenth, 0) / 10;
    const run = [values.length, sum, ...buckets];
    return { name: 'h', type: 'histogram', metrics: [{ bounds: les, run }] };
  });

const gauges = fc
  .record({ mode: fc.constantFrom('sum', 'min', 'max', 'avg', 'count'), value: tenths })
  .map(
    ({ mode, value }): TestFamily => ({
      ...{ name: `g_${mode}`, type: 'gauge', gaugeMode: mode as 'sum' },
      metrics: [{ run: [value / 10] }],
    }),
  );

const bodies = fc.uniqueArray(fc.oneof(counters, histograms, gauges), {
  ...{ minLength: 1, maxLength: 4, selector: ({ name }: TestFamily) => name },
});

/** Every double of a few digits is a multiple of 1 / SCALE. */
const SCALE = 2 ** 64;

/** A double as a multiple of 1 / SCALE. */
function scaled(value: number): bigint {
  return BigInt(value * SCALE);
}

async function pageOf(
  pushes: readonly (readonly TestFamily[])[],
  options: PushOptions = {},
): Promise<string[]> {
  const ledger = await openLedger();
  for (const families of pushes) await ledger.push(pushOf(families, options));
  return linesOf(ledger);
}

describe('pushes', () => {
  it('give the same page in any order', () =>
    fc.assert(
      fc.asyncProperty(
        fc
          .array(bodies, { maxLength: 8 })
          .chain((pushes) =>
            fc.tuple(
              fc.constant(pushes),
              fc.shuffledSubarray(pushes, { minLength: pushes.length, maxLength: pushes.length }),
            ),
          ),
        async ([pushes, shuffled]) => {
          // At most eight layouts of one family are kept: more are refused in any order.
          const layouts = new Set(
            pushes
              .flat()
              .flatMap(({ name, metrics }) => (name === 'h' ? [String(metrics[0]?.bounds)] : [])),
          );
          fc.pre(layouts.size <= 8);

          assert.deepEqual(await pageOf(shuffled), await pageOf(pushes));
        },
      ),
    ));

  it('give the double that is nearest to the true sum of the pushed doubles', () =>
    fc.assert(
      fc.asyncProperty(fc.array(tenths, { minLength: 1, maxLength: 50 }), async (values) => {
        const page = await pageOf(values.map((value) => [counter('c', value / 10)]));

        const exact = values.reduce((sum, value) => sum + scaled(value / 10), 0n);
        assert.deepEqual(page, [`c ${Number(exact) / SCALE}`]);
      }),
    ));

  it('give monotone buckets that never count more than there is', () =>
    fc.assert(
      fc.asyncProperty(fc.array(histograms, { minLength: 1, maxLength: 8 }), async (pushed) => {
        const ledger = await openLedger();
        for (const one of pushed) await ledger.push(pushOf([one])).catch(() => undefined); // layouts

        for (const { blocks } of ledger.families()) {
          const { values } = blocks[0]!.metrics[0]!.current();
          const buckets = [0, ...Array.from(values).slice(2), values[0]!];
          assert.deepEqual(
            buckets,
            buckets.toSorted((a, b) => a - b),
          );
        }
      }),
    ));

  it('of a cumulative source give what its growth gives', () => {
    const growth = fc.array(fc.record({ value: tenths, source: fc.constantFrom('a', 'b') }), {
      maxLength: 20,
    });
    return fc.assert(
      fc.asyncProperty(growth, async (history) => {
        const cumulative = await openLedger();
        const delta = await openLedger();
        const totals: Record<string, number> = { a: 0, b: 0 };

        for (const { value, source } of history) {
          totals[source] = totals[source]! + value;
          const total = totals[source]! / 8; // eighths are exact
          await cumulative.push(pushOf([counter('c', total)], { source }));
          await cumulative.push(pushOf([counter('c', total)], { source })); // nothing has grown
          await delta.push(pushOf([counter('c', value / 8)]));
        }

        assert.deepEqual(linesOf(cumulative), linesOf(delta));
      }),
    );
  });

  it('of a cumulative source that begins anew count from 0', () => {
    const lives = fc.array(fc.array(tenths, { minLength: 1, maxLength: 5 }), { maxLength: 5 });
    return fc.assert(
      fc.asyncProperty(lives, async (histories) => {
        const ledger = await openLedger();
        let expected = 0;
        let last = -1;
        for (const life of histories) {
          let total = 0;
          for (const value of life) {
            total += value;
            await ledger.push(pushOf([counter('c', total)], { source: 'a' }));
            // A new life that has counted as much as the last one cannot be told from it.
            expected += total < last ? total : total - Math.max(last, 0);
            last = total;
          }
        }

        assert.deepEqual(linesOf(ledger), histories.length === 0 ? [] : [`c ${expected}`]);
      }),
    );
  });

  it('that are sent again with their key add nothing', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ families: bodies, times: fc.integer({ min: 1, max: 3 }) }), {
          maxLength: 6,
        }),
        async (pushes) => {
          const ledger = await openLedger();
          const once = await openLedger();

          for (const [i, { families, times }] of pushes.entries()) {
            const push = pushOf(families, { id: { key: `k${i}`, hash: 'h' } });
            await Promise.all(Array.from({ length: times }, () => ledger.push(push)));
            await once.push(pushOf(families));
          }

          assert.deepEqual(linesOf(ledger), linesOf(once));
        },
      ),
    ));
});
