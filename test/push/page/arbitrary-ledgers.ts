/**
 * Ledgers for property tests: few names, so that the families of tenants collide in every way.
 */
import fc from 'fast-check';
import type { FamilyType } from '../../../src/exposition/grammar.ts';
import { printLabels, sortLabels } from '../../../src/push/labels.ts';
import type { MetricRun } from '../../../src/push/page-source.ts';
import { isCompound } from '../../../src/push/pushed-page.ts';
import { PageLedger } from './page-ledger.ts';

const NAMES = [
  'a',
  'a_total',
  'h',
  'h_sum',
  'h_count',
  'h_bucket',
  's',
  'i_info',
  'a.b',
  'a_created',
];
const TYPES: readonly FamilyType[] = [
  ...(['counter', 'gauge', 'histogram', 'summary', 'unknown', 'info', 'stateset'] as const),
  'gaugehistogram',
];

const labelSets = fc
  .uniqueArray(
    fc.tuple(
      fc.constantFrom('x', 'le', 'quantile', 'a.b', 'a_b', 'ü'),
      fc.oneof(fc.constantFrom('1', '+Inf', 'a"b\\c\nd', ',le="1'), fc.string({ maxLength: 8 })),
    ),
    { maxLength: 3, selector: ([name]) => name },
  )
  .map((labels) => printLabels(sortLabels(labels)));

export const doubles = fc.double({ noDefaultInfinity: false, noNaN: false });

export interface Change {
  readonly tenant: string;
  readonly name: string;
  readonly type: FamilyType;
  readonly labels: string;
  readonly run: MetricRun;
}

export const changes: fc.Arbitrary<Change> = fc
  .record({
    tenant: fc.constantFrom('', 't1', 't2'),
    name: fc.constantFrom(...NAMES),
    type: fc.constantFrom(...TYPES),
    labels: labelSets,
    bounds: fc.uniqueArray(fc.constantFrom(0.5, 1, 1e6, 2.5e-7), { maxLength: 3 }),
    values: fc.array(doubles, { minLength: 5, maxLength: 5 }),
  })
  .map(({ bounds, values, ...change }) => {
    if (!isCompound(change.type)) {
      return { ...change, run: { bounds: [], values: values.slice(0, 1), native: undefined } };
    }
    const sorted = bounds.toSorted((a, b) => a - b);
    const counts = sorted.map((_, at) => at);
    const run = [sorted.length, values[0]!, ...counts]; // there are five values
    return { ...change, run: { bounds: sorted, values: run, native: undefined } };
  });

/** Applies changes that fit what the ledger holds: a family of a tenant keeps its type. */
export function apply(ledger: PageLedger, { tenant, name, type, labels, run }: Change): void {
  const family = ledger.family(tenant, name);
  if (family.blocks.length === 0) family.type = type;
  if (family.type === type) ledger.put(family, labels, run);
}

export function ledgerOf(all: readonly Change[]): PageLedger {
  const ledger = new PageLedger(2);
  for (const change of all) apply(ledger, change);
  return ledger;
}
