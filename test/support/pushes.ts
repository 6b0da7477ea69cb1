/** Pushes for tests of the ledger, and its page as text. */
import type { FamilyType } from '../../src/exposition/grammar.ts';
import { Ledger } from '../../src/push/book/ledger.ts';
import type { LedgerOptions } from '../../src/push/book/ledger-options.ts';
import { type Label, sortLabels } from '../../src/push/labels.ts';
import type { PageSource } from '../../src/push/page-source.ts';
import type { Push, PushRules } from '../../src/push/push.ts';
import { type GaugeMode, isCompound, type PushedFamily } from '../../src/push/pushed-page.ts';
import type { Journal } from '../../src/push/record.ts';
import { type PushSettings, type TenantLimits, tenantRules } from '../../src/push/rules.ts';

interface TestMetric {
  readonly labels?: Readonly<Record<string, string>>;
  /** Bounds without +Inf, and the run. */
  readonly bounds?: readonly number[];
  readonly run: readonly number[];
}

export interface TestFamily {
  readonly name: string;
  readonly type: FamilyType;
  readonly gaugeMode?: GaugeMode;
  readonly help?: string;
  readonly metrics: readonly TestMetric[];
}

export function counter(
  name: string,
  value: number,
  labels: Record<string, string> = {},
): TestFamily {
  return { name, type: 'counter', metrics: [{ labels, run: [value] }] };
}

export function gauge(
  name: string,
  value: number,
  labels: Record<string, string> = {},
): TestFamily {
  return { name, type: 'gauge', metrics: [{ labels, run: [value] }] };
}

export interface PushOptions extends Partial<PushRules> {
  readonly tenant?: string;
  readonly forced?: readonly Label[];
  readonly path?: Readonly<Record<string, string>>;
  readonly replaces?: Push['replaces'];
  readonly id?: Push['id'];
}

export function pushOf(families: readonly TestFamily[], options: PushOptions = {}): Push {
  const { tenant = '', forced = [], path = {}, replaces = 'families', id, ...rules } = options;
  const values: number[] = [];
  const pushed = families.map(
    ({ name, type, gaugeMode, help = '', metrics }): PushedFamily => ({
      ...{ name, type, help, unit: '', gaugeMode },
      metrics: metrics.map(({ labels = {}, bounds = [], run }) => {
        const at = values.length;
        values.push(...run);
        return { labels: sortLabels(Object.entries(labels)), bounds, at, line: 0 };
      }),
    }),
  );
  return {
    ...{ tenant, forced, replaces, id },
    path: sortLabels(Object.entries(path)),
    rules: {
      ...{ mode: 'aggregate', temporality: undefined, source: '', gaugeMode: undefined },
      ...{ ttlMs: undefined, ...rules },
    },
    page: { families: pushed, values: Float64Array.from(values), timestamps: 0 },
  };
}

export const SETTINGS: PushSettings = {
  ...{ temporality: 'cumulative', gaugeMode: 'last', ttlMs: 0, without: [] },
  ...{ jobMode: 'replace', rules: [], tenants: [] },
  limits: {
    ...{ maxBodyBytes: 4_194_304, maxDecompressedBytes: 16_777_216, pushesPerSecond: 1_000 },
    ...{ series: 10_000, seriesPerFamily: 2_000, families: 1_000, groups: 1_000, labels: 64 },
    ...{ labelNameLength: 512, labelValueLength: 2_048, sources: 1_000 },
  },
};

/** A journal that keeps nothing. */
const NO_JOURNAL: Journal = {
  durability: 'memory',
  load: async () => [],
  commit: async () => [],
  reload: async () => undefined,
  changedElsewhere: async () => [],
  [Symbol.asyncDispose]: async () => undefined,
};

export interface TestLedgerOptions extends Partial<Omit<LedgerOptions, 'bounds' | 'rulesOf'>> {
  readonly limits?: Partial<TenantLimits>;
  readonly settings?: Partial<PushSettings>;
  readonly bounds?: Partial<LedgerOptions['bounds']>;
}

export function openLedger(options: TestLedgerOptions = {}): Promise<Ledger> {
  const { limits, settings, bounds, ...others } = options;
  const all = { ...SETTINGS, ...settings, limits: { ...SETTINGS.limits, ...limits } };
  return Ledger.open({
    journal: NO_JOURNAL,
    now: () => 1_000,
    rulesOf: (tenancy) => tenantRules(all, tenancy),
    ...others,
    bounds: {
      ...{ tenants: 100, totalSeries: 100_000, keys: 1_000, keyTtlMs: 86_400_000 },
      ...{ sourceIdleMs: 3_600_000, ...bounds },
    },
  });
}

/** Every series of the ledger with its value, sorted: `name{labels} value`. */
export function linesOf(source: PageSource, tenant?: string): string[] {
  const lines: string[] = [];
  for (const { name, type, blocks } of source.families(tenant)) {
    for (const { labels, ...metric } of blocks.flatMap(({ metrics }) =>
      metrics.map((one) => ({ labels: one.labels, run: one.current() })),
    )) {
      const { bounds, values } = metric.run;
      const line = (suffix: string, more: string, value: number): void => {
        const all = [labels, more].filter((text) => text !== '').join(',');
        lines.push(`${name}${suffix}${all === '' ? '' : `{${all}}`} ${value}`);
      };
      if (!isCompound(type)) line('', '', values[0]!);
      else {
        const [bucket, mark] = type === 'summary' ? ['', 'quantile'] : ['_bucket', 'le'];
        for (const [i, bound] of bounds.entries())
          line(bucket, `${mark}="${bound}"`, values[2 + i]!);
        if (type !== 'summary') line('_bucket', 'le="+Inf"', values[0]!);
        if (!Number.isNaN(values[1])) line('_sum', '', values[1]!);
        line('_count', '', values[0]!);
      }
    }
  }
  return lines.sort();
}
