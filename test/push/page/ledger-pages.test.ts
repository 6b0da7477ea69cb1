import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { PageStyle } from '../../../src/push/page/page-plan.ts';
import { linesOf, openLedger, pushOf, type TestFamily } from '../../support/pushes.ts';
import { seriesOf } from '../../support/text-series.ts';
import { newRenderer, pageOf } from './pages.ts';

const TEXT: PageStyle = { format: 'text', escaping: 'underscores' };
const STYLES: readonly PageStyle[] = [
  TEXT,
  { format: 'openmetrics', escaping: 'underscores' },
  { format: 'protobuf', escaping: 'underscores' },
];

const families = fc.array(
  fc
    .record({
      name: fc.constantFrom('a_total', 'b', 'c_seconds'),
      labels: fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2'), { maxKeys: 2 }),
      value: fc.nat(9),
    })
    .map(({ name, labels, value }): TestFamily => {
      if (name === 'a_total') {
        return { name, type: 'counter', metrics: [{ labels, run: [value] }] };
      }
      if (name === 'b') return { name, type: 'gauge', metrics: [{ labels, run: [value] }] };
      const run = [value + 1, value / 2, value];
      return { name, type: 'histogram', metrics: [{ labels, bounds: [0.5], run }] };
    }),
  { minLength: 1, maxLength: 3 },
);

const steps = fc.array(
  fc.record({
    families: families.map((all) => [...new Map(all.map((one) => [one.name, one])).values()]),
    what: fc.constantFrom('put', 'post', 'add', 'delete', 'remove', 'wipe'),
    job: fc.constantFrom('j', 'k', 'l'),
  }),
  { minLength: 1, maxLength: 12 },
);

describe('pages of a ledger', () => {
  it('say what the ledger holds, whatever was kept of earlier pages', () =>
    fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const ledger = await openLedger();
        const renderer = newRenderer(ledger, 1_000_000);
        for (const { families: pushed, what, job } of all) {
          const path = { job };
          const replace = { mode: 'replace', path } as const;
          // A push that conflicts with another is refused, and changes nothing.
          const work = {
            put: () => ledger.push(pushOf(pushed, { ...replace, replaces: 'group' })),
            post: () => ledger.push(pushOf(pushed, { ...replace, replaces: 'families' })),
            add: () => ledger.push(pushOf(pushed, { path: { team: job } })),
            delete: () => ledger.deleteGroup({ tenant: '', forced: [] }, [['job', job]]),
            remove: () => ledger.deleteMetrics({ tenant: '', forced: [] }, 'b', []),
            wipe: () => ledger.wipe(),
          };
          await work[what as keyof typeof work]().catch(() => undefined);
          for (const style of STYLES) {
            assert.deepEqual(
              await pageOf(renderer, style),
              await pageOf(newRenderer(ledger), style),
            );
          }
          const page = (await pageOf(renderer, TEXT)).toString();
          const lines = linesOf(ledger).map((line) => line.replace(/^(\w+) /, '$1{} '));
          const series = seriesOf(page).filter((line) => !line.startsWith('#'));
          assert.deepEqual(series, seriesOf(lines.join('\n')));
        }
      }),
      { numRuns: 200 },
    ));
});
