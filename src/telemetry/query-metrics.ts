/**
 * Metrics of the query API: what readers ask, and how the servers below answer.
 *
 * The names without `promgate_` are those of Promxy and of Prometheus' engine: dashboards that know
 * them go on working.
 */
import { Durations } from './durations.ts';
import type { CountedSample, MetricRegistry } from './registry.ts';

const BUCKETS_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** The words of each label, so that `rate` sees the first failure. */
export interface QueryWords {
  readonly calls: readonly string[];
  readonly errors: readonly string[];
}

/** What the metrics read for every print. */
export interface QueryLevels {
  readonly running: number;
  readonly queued: number;
  readonly maxConcurrent: number;
  readonly groups: readonly GroupLevels[];
  readonly reload: { readonly successful: boolean; readonly atSeconds: number };
}

interface GroupLevels {
  readonly name: string;
  readonly ordinal: number;
  /** Hosts and whether they are up. */
  readonly servers: readonly { readonly host: string; readonly isUp: boolean }[];
}

/** A request to a server below. */
interface ServerRequest {
  readonly group: string;
  readonly host: string;
  readonly call: string;
  /** `success`, or the word of a failure. */
  readonly outcome: string;
  readonly seconds: number;
}

interface QueryEnd {
  readonly call: string;
  readonly queuedSeconds: number;
  readonly runSeconds: number;
  readonly samples: number;
  readonly isSlow: boolean;
}

export interface QueryMetrics {
  ended(query: QueryEnd): void;
  failed(type: string): void;
  /** An answer lacks parts, and says so. */
  incomplete(): void;
  asked(request: ServerRequest): void;
  /** The values of a `label_filter` were asked for. */
  synced(group: string, status: 'success' | 'failure', seconds: number): void;
  /** A `label_filter` has spared a group a request. */
  filtered(group: string): void;
}

interface Sum {
  seconds: number;
  count: number;
}

export function queryMetrics(
  registry: MetricRegistry,
  words: QueryWords,
  levels: () => QueryLevels,
): QueryMetrics {
  addLevels(registry, levels);
  const engine = addEngine(registry);
  const asked = addServers(registry, levels);
  const durations = new Map(words.calls.map((call) => [call, new Durations(BUCKETS_SECONDS)]));
  registry.counted(
    'promgate_query_duration_seconds',
    'Time from the begin of a call of the query API to the begin of its answer, by call.',
    'histogram',
    () => [...durations].flatMap(([call, all]) => all.samples({ call })),
  );
  const errors = registry.counter(
    'promgate_query_errors_total',
    'Calls of the query API that were answered with an error, by its type.',
    ['type'],
  );
  for (const type of words.errors) errors.inc({ type }, 0);
  const slow = registry.counter(
    'promgate_query_slow_total',
    'Queries that took longer than query.slow_query.',
  );
  const incomplete = registry.counter(
    'promgate_query_incomplete_total',
    'Answers that lack the part of a group or of a server, and say so in their warnings.',
  );
  return {
    ended: ({ call, queuedSeconds, runSeconds, samples, isSlow }) => {
      durations.get(call)?.observe(queuedSeconds + runSeconds);
      engine(queuedSeconds, runSeconds, samples);
      if (isSlow) slow.inc();
    },
    failed: (type) => errors.inc({ type }),
    incomplete: () => incomplete.inc(),
    asked,
    ...addFilters(registry),
  };
}

function addLevels(registry: MetricRegistry, levels: () => QueryLevels): void {
  registry.level('promgate_query_running', 'Queries that run.', () => levels().running);
  registry.level(
    'promgate_query_queued',
    'Queries that wait for their turn.',
    () => levels().queued,
  );
  registry.level(
    'prometheus_engine_queries',
    'Queries that run or wait.',
    () => levels().running + levels().queued,
  );
  registry.level(
    'prometheus_engine_queries_concurrent_max',
    'Queries that may run at a time.',
    () => levels().maxConcurrent,
  );
  registry.counted('server_group_targets', 'Servers of each group.', 'gauge', () =>
    levels().groups.map(({ name, ordinal, servers }) => ({
      labels: { ordinal: String(ordinal), name },
      value: servers.length,
    })),
  );
  registry.counted(
    'promgate_query_server_up',
    'Whether the last request to a server succeeded; 1 too before the first.',
    'gauge',
    () =>
      levels().groups.flatMap(({ name, servers }) =>
        servers.map(({ host, isUp }) => ({ labels: { group: name, host }, value: isUp ? 1 : 0 })),
      ),
  );
  registry.level(
    'prometheus_config_last_reload_successful',
    'Whether the last reload of the configuration succeeded.',
    () => (levels().reload.successful ? 1 : 0),
  );
  for (const name of [
    'prometheus_config_last_reload_success_timestamp_seconds',
    'process_reload_time_seconds',
  ]) {
    registry.level(
      name,
      'When the configuration was loaded last, in seconds since 1970.',
      () => levels().reload.atSeconds,
    );
  }
}

/** @returns counts a query */
function addEngine(
  registry: MetricRegistry,
): (queuedSeconds: number, runSeconds: number, samples: number) => void {
  const slices = { queue_time: 0, inner_eval: 0 };
  let queries = 0;
  registry.counted(
    'prometheus_engine_query_duration_seconds',
    'Time of queries, by what they did.',
    'summary',
    () =>
      Object.entries(slices).flatMap(([slice, value]) => [
        { suffix: '_sum', labels: { slice }, value },
        { suffix: '_count', labels: { slice }, value: queries },
      ]),
  );
  const samples = registry.counter(
    'prometheus_engine_query_samples_total',
    'Samples that queries have read.',
  );
  return (queuedSeconds, runSeconds, read) => {
    slices.queue_time += queuedSeconds;
    slices.inner_eval += runSeconds;
    queries += 1;
    samples.inc(read);
  };
}

/** The series of a server go away with the server. @returns counts a request */
function addServers(
  registry: MetricRegistry,
  levels: () => QueryLevels,
): (request: ServerRequest) => void {
  /** Host, then call and status. */
  const sums = new Map<string, Map<string, Sum>>();
  const current = (): ReadonlySet<string> =>
    new Set(levels().groups.flatMap(({ servers }) => servers.map(({ host }) => host)));
  registry.counted(
    'server_group_request_duration_seconds',
    'Time of requests to the servers below, by host, call and status.',
    'summary',
    () => {
      const known = current();
      for (const host of sums.keys()) if (!known.has(host)) sums.delete(host);
      return [...sums].flatMap(([host, own]) => samplesOf(host, own));
    },
  );
  const requests = registry.counter(
    'promgate_query_server_requests_total',
    'Requests to the servers of a group, by outcome: success, or the word of the failure.',
    ['group', 'outcome'],
  );
  return ({ group, host, call, outcome, seconds }) => {
    requests.inc({ group, outcome });
    const own = sums.get(host) ?? new Map<string, Sum>();
    sums.set(host, own);
    const key = `${call}\n${outcome === 'success' ? 'success' : 'error'}`;
    const sum = own.get(key) ?? { seconds: 0, count: 0 };
    own.set(key, sum);
    sum.seconds += seconds;
    sum.count += 1;
  };
}

function addFilters(registry: MetricRegistry): Pick<QueryMetrics, 'synced' | 'filtered'> {
  const sums = new Map<string, Map<string, Sum>>();
  registry.counted(
    'promxy_label_filter_sync_duration_seconds',
    'Time that it took to ask for the values of label_filter.',
    'summary',
    () =>
      [...sums].flatMap(([name, own]) =>
        [...own].flatMap(([status, { seconds, count }]) => [
          { suffix: '_sum', labels: { name, status }, value: seconds },
          { suffix: '_count', labels: { name, status }, value: count },
        ]),
      ),
  );
  const syncs = registry.counter(
    'promxy_label_filter_sync_count_total',
    'How often the values of label_filter were asked for, by group and outcome.',
    ['name', 'status'],
  );
  const filtered = registry.counter(
    'promxy_label_filter_filtered_count_total',
    'Requests that label_filter has spared a group.',
    ['name'],
  );
  return {
    synced: (name, status, seconds) => {
      syncs.inc({ name, status });
      const own = sums.get(name) ?? new Map<string, Sum>();
      sums.set(name, own);
      const sum = own.get(status) ?? { seconds: 0, count: 0 };
      own.set(status, sum);
      sum.seconds += seconds;
      sum.count += 1;
    },
    filtered: (name) => filtered.inc({ name }),
  };
}

function samplesOf(host: string, own: ReadonlyMap<string, Sum>): CountedSample[] {
  return [...own].flatMap(([key, { seconds, count }]) => {
    const [call = '', status = ''] = key.split('\n');
    const labels = { host, call, status };
    return [
      { suffix: '_sum', labels, value: seconds },
      { suffix: '_count', labels, value: count },
    ];
  });
}
