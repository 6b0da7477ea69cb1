/** Federations of servers for tests. */
import { type Clock, systemClock } from '../../src/clock.ts';
import type { Matcher, SeriesBlock, TimeRange } from '../../src/promql/evaluate/storage.ts';
import { parseMetricSelector } from '../../src/promql/parse.ts';
import type { Discovery } from '../../src/query/discovery/discovery.ts';
import type { Federation, QueryScope, RequestRecord } from '../../src/query/federation.ts';
import type { GroupSettings, LabelSet } from '../../src/query/groups/settings.ts';
import { TargetServer } from '../../src/query/groups/target-server.ts';
import { type OpenFederation, openFederation } from '../../src/query/open-federation.ts';
import { DEFAULT_TARGET } from '../../src/query/target/http.ts';
import type { ReadBounds } from '../../src/query/target/read-budget.ts';
import { openTarget } from '../../src/query/target/undici.ts';
import { notedLabels, notedValues } from './sample-series.ts';

/** What a test says of a group; the rest are defaults. */
export interface TestGroup extends Partial<GroupSettings> {
  /** The URLs of its servers. */
  readonly urls: readonly string[];
  readonly discoveries?: readonly Discovery[];
}

export interface TestFederation extends OpenFederation, AsyncDisposable {
  readonly records: readonly RequestRecord[];
}

interface TestFederationOptions {
  readonly clock?: Clock;
  readonly bounds?: ReadBounds;
}

const BOUNDS: ReadBounds = { maxSeries: 1e6, maxSamples: 5e7, maxBytes: 2 ** 30 };

/** The external labels of a configuration as the fake server prints it. */
async function readTestLabels(yaml: string): Promise<LabelSet> {
  const [, block = ''] = /external_labels:\n((?: {4}.*\n)*)/.exec(yaml) ?? [];
  return Object.fromEntries(
    [...block.matchAll(/^ {4}(\w+): "?([^"\n]*)"?$/gm)].map(([, name = '', value = '']) => [
      ...([name, value] as const),
    ]),
  );
}

export const EVERYBODY: QueryScope = { tenants: [], partialResponse: false, dedup: true };

export function openTestFederation(
  groups: readonly TestGroup[],
  { clock = systemClock, bounds = BOUNDS }: TestFederationOptions = {},
): TestFederation {
  const records: RequestRecord[] = [];
  const federation = openFederation({
    groups: groups.map((group, at) => ({
      settings: testGroup(group, at),
      discoveries: group.discoveries ?? [],
    })),
    bounds,
    openServer: ({ url }, settings) =>
      new TargetServer({
        target: openTarget({ ...DEFAULT_TARGET, url: new URL(url) }),
        ...{ settings, readLabels: readTestLabels, nowMs: Date.now },
      }),
    clock,
    wallMs: Date.now,
    onRequest: (record) => records.push(record),
  });
  return { ...federation, records, [Symbol.asyncDispose]: () => federation.close() };
}

function testGroup({ urls, discoveries: _, ...own }: TestGroup, ordinal: number): GroupSettings {
  return {
    ...{ name: `group-${ordinal}`, ordinal, scheme: 'http', pathPrefix: '', labels: {} },
    staticServers: urls.map((url) => ({ address: new URL(url).host, labels: {} as LabelSet })),
    ...{ relabel: (labels) => labels, metricsRelabel: [] },
    merge: { antiAffinityMs: 10_000, dynamic: false, preferMax: false },
    ...{ remoteRead: 'auto', remoteReadPath: 'api/v1/read', timeLimits: [] },
    ...{ labelFilter: undefined, injectMatchers: [], onError: 'fail', replicaOf: undefined },
    ...{ partition: 'labels', deadlineMs: 10_000 },
    ...own,
  };
}

/** The hour before, the time at which tests place their samples. */
const RANGE: TimeRange = { afterMs: 1_700_000_000_000 - 1, untilMs: 1_700_003_600_000 };
const HINTS = { function: '', stepMs: 0, rangeMs: 0 };

export async function selectBlocks(
  federation: Federation,
  selector: string,
  { range = RANGE, scope = EVERYBODY }: { range?: TimeRange; scope?: QueryScope } = {},
): Promise<readonly SeriesBlock[]> {
  const matchers: readonly Matcher[] = parseMetricSelector(selector);
  return federation.open(scope).select(matchers, range, HINTS, AbortSignal.timeout(20_000));
}

/** Labels and values of what a selector finds, sorted by labels. */
export async function select(
  federation: Federation,
  selector: string,
  options: { range?: TimeRange; scope?: QueryScope } = {},
) {
  const blocks = await selectBlocks(federation, selector, options);
  return blocks
    .map((block) => [notedLabels(block), notedValues(block)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
