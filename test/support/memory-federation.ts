/**
 * A federation over series in memory: one group for each list of series. For tests of what stands
 * above a federation.
 */
import { Readable } from 'node:stream';
import { compileMatcher } from '../../src/promql/evaluate/match.ts';
import { memoryStorage } from '../../src/promql/evaluate/memory-storage.ts';
import type { Matcher, SeriesBlock } from '../../src/promql/evaluate/storage.ts';
import type { ApiCall, Federation, GroupAnswer, QueryScope } from '../../src/query/federation.ts';

interface MemoryGroup {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly series?: readonly SeriesBlock[];
  /** Answers to calls that are no evaluation, by their path. */
  readonly answers?: Readonly<Record<string, unknown>>;
}

export interface MemoryFederation extends Federation {
  /** The calls that came, in their order. */
  readonly calls: readonly { readonly call: ApiCall; readonly scope: QueryScope }[];
}

export interface MemoryFederationOptions {
  readonly groups: readonly MemoryGroup[];
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  /** The bytes that a splice gives. */
  readonly spliced?: string;
  /** Awaited before each read. */
  readonly hold?: (signal: AbortSignal | undefined) => Promise<void>;
}

export function memoryFederation(options: MemoryFederationOptions): MemoryFederation {
  const { groups, warnings = [], infos = [], spliced, hold } = options;
  const calls: { readonly call: ApiCall; readonly scope: QueryScope }[] = [];
  const seriesOf = ({ series = [] }: MemoryGroup, sets: readonly (readonly Matcher[])[]) =>
    series.filter((block) => sets.length === 0 || sets.some((set) => fits(block, set)));
  return {
    calls,
    open: ({ tenants }) => {
      const all = groups.flatMap((group) => seriesOf(group, tenants));
      const storage = memoryStorage(all);
      return {
        select: async (matchers, range, hints, signal) => {
          await hold?.(signal);
          return storage.select(matchers, range, hints, signal);
        },
        warnings: () => warnings,
        infos: () => infos,
        requests: () => [],
      };
    },
    ask: async (call, scope) => {
      calls.push({ call, scope });
      const answers = groups.map((group): GroupAnswer => {
        const { name, labels = {}, answers: known } = group;
        const visible = seriesOf(
          { ...group, series: seriesOf(group, scope.tenants) },
          call.matchers,
        );
        const data = known?.[call.path] ?? dataOf(call.path, visible);
        return { group: name, labels, data, warnings: [], infos: [] };
      });
      return { answers, warnings };
    },
    splice: async () => (spliced === undefined ? undefined : Readable.from([Buffer.from(spliced)])),
    groups: () => [],
    close: async () => undefined,
  };
}

function fits({ labels }: SeriesBlock, matchers: readonly Matcher[]): boolean {
  const values = new Map(labels);
  return matchers.every((matcher) => {
    const { name, matches } = compileMatcher(matcher);
    return matches(values.get(name) ?? '');
  });
}

function dataOf(path: string, series: readonly SeriesBlock[]): unknown {
  if (path === 'series') return series.map(({ labels }) => Object.fromEntries(labels));
  const pairs = series.flatMap(({ labels }) => labels);
  if (path === 'labels') return [...new Set(pairs.map(([name]) => name))].sort();
  const asked = /^label\/(.*)\/values$/.exec(path)?.[1];
  return [...new Set(pairs.flatMap(([name, value]) => (name === asked ? [value] : [])))].sort();
}

/** A series with a sample at each time. */
export function series(
  labels: Readonly<Record<string, string>>,
  samples: readonly (readonly [timeMs: number, value: number])[],
): SeriesBlock {
  return {
    labels: Object.entries(labels),
    timesMs: Float64Array.from(samples, ([timeMs]) => timeMs),
    values: Float64Array.from(samples, ([, value]) => value),
  };
}
