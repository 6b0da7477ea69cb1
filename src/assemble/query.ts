/**
 * The query API: many Prometheus servers behind one `/api/v1`.
 */
import type { Config } from '../config/config.ts';
import { compileTest } from '../promql/evaluate/regex.ts';
import type { Switches } from '../promql/parse.ts';
import type { Federation, RequestRecord, ServerState } from '../query/federation.ts';
import type { FederationOptions } from '../query/open-federation.ts';
import type { OnMistake } from '../serve/answer-problem.ts';
import { type EndedQuery, QueryDesk } from '../serve/query/desk.ts';
import type { EngineSettings } from '../serve/query/engine.ts';
import { queryMounts } from '../serve/query/site.ts';
import type { QueryStatus } from '../serve/query/status.ts';
import { QUERY_ERROR_TYPES } from '../serve/query-errors.ts';
import type { Handler } from '../serve/request.ts';
import { type QueryLevels, type QueryMetrics, queryMetrics } from '../telemetry/query-metrics.ts';
import { VERSION } from '../version.ts';
import type { Ground } from './ground.ts';
import type { Part } from './part.ts';

type QueryConfig = NonNullable<Config['query']>;

export interface QueryPartOptions {
  readonly config: QueryConfig;
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  /** Opens the groups of a configuration. */
  readonly openGroups: (
    config: QueryConfig,
    observers: Pick<FederationOptions, 'onRequest' | 'filterObservers'>,
  ) => Promise<Federation>;
  /** The configuration in force, as YAML, with secrets masked. */
  readonly printConfig: () => string;
}

export interface QueryPart extends Part {
  /**
   * Replaces groups and limits. Queries that run go on with the groups with which they began.
   *
   * @throws {Error} if the groups cannot be opened: then all stays as it was
   */
  readonly reload: (config: QueryConfig) => Promise<void>;
}

/** A reader that takes nothing for so long is cut off. */
const STALL_MS = 60_000;
/** A reader that takes longer for one answer is cut off. */
const MAX_SEND_MS = 600_000;
const SUBQUERY_STEP_MS = 60_000;
/** The calls that the metrics tell apart. */
const CALLS = [
  ...['query', 'query_range', 'query_exemplars', 'series', 'labels', 'label_values', 'metadata'],
  ...['targets', 'targets_metadata', 'scrape_pools', 'alertmanagers', 'rules', 'alerts', 'read'],
  ...['federate', 'status_tsdb'],
];

export async function startQuery(options: QueryPartOptions, ground: Ground): Promise<QueryPart> {
  const { admit, onMistake, openGroups, printConfig } = options;
  const { registry, readiness, log } = ground;
  let config = options.config;
  let reload = { successful: true, atMs: Date.now() };
  const startedMs = Date.now();
  const desk = new QueryDesk({ limits: () => config, onEnd: (query) => ended(query) });
  const levels = (): QueryLevels => levelsOf(desk, groups.current, reload);
  const words = { calls: CALLS, errors: QUERY_ERROR_TYPES };
  const metrics = queryMetrics(registry, words, levels);
  const observers: Parameters<typeof openGroups>[1] = {
    onRequest: (record) => countRequest(metrics, record),
    filterObservers: ({ name }) => ({
      onSync: (outcome, ms) => metrics.synced(name, outcome, ms / 1000),
      onFiltered: () => metrics.filtered(name),
    }),
  };
  const groups = new GroupsInUse(await openGroups(config, observers), desk);
  const ended = (query: EndedQuery): void => {
    groups.closeUnused();
    const { slowMs } = config;
    const isSlow = slowMs > 0 && query.queuedMs + query.runMs > slowMs;
    countQuery(metrics, query, isSlow);
    if (isSlow) log.warn('a query was slow: see explain=1', slowFields(query));
  };
  const status: QueryStatus = {
    ...{ version: VERSION, startedMs, config: printConfig, reload: () => reload },
    flags: () => flagsOf(config),
  };
  const mounts = queryMounts({
    ...{ admit, onMistake, desk, status },
    federation: () => groups.current,
    settings: () => engineSettings(config),
    limits: { maxTimeoutMs: MAX_SEND_MS, stallMs: STALL_MS },
    partialResponse: () => config.partialResponse,
    nowMs: Date.now,
    externalLabels: () => config.externalLabels,
    origins: allowedOrigins(() => config.corsOrigin),
    isReady: () => readiness.state !== 'draining',
    onError: metrics.failed,
    onIncomplete: metrics.incomplete,
  });
  return {
    mounts,
    reload: async (next) => {
      try {
        groups.replace(await openGroups(next, observers));
        config = next;
        reload = { successful: true, atMs: Date.now() };
      } catch (error) {
        reload = { ...reload, successful: false };
        throw error;
      }
    },
    mentions: { query: () => mention(groups.current) },
    [Symbol.asyncDispose]: () => groups.close(),
  };
}

/** The groups in force, and those of earlier configurations that queries still use. */
class GroupsInUse {
  readonly #desk: QueryDesk;
  readonly #retired = new Map<Federation, ReadonlySet<number>>();
  readonly #closing = new Set<Promise<void>>();
  #current: Federation;

  constructor(current: Federation, desk: QueryDesk) {
    this.#current = current;
    this.#desk = desk;
  }

  get current(): Federation {
    return this.#current;
  }

  replace(next: Federation): void {
    this.#retired.set(this.#current, new Set(this.#desk.active().map(({ id }) => id)));
    this.#current = next;
    this.closeUnused();
  }

  closeUnused(): void {
    if (this.#retired.size === 0) return;
    const active = this.#desk.active();
    for (const [federation, users] of this.#retired) {
      if (active.some(({ id }) => users.has(id))) continue;
      this.#retired.delete(federation);
      const closing = federation.close().finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
    }
  }

  async close(): Promise<void> {
    const all = [this.#current, ...this.#retired.keys()];
    await Promise.all([...all.map((one) => one.close()), ...this.#closing]);
  }
}

function engineSettings({ lookbackMs, maxSamples, features }: QueryConfig): EngineSettings {
  const has = (name: QueryConfig['features'][number]): boolean => features.includes(name);
  const switches: Switches = {
    experimentalFunctions: has('promql-experimental-functions'),
    durationExpressions: has('promql-duration-expr'),
    extendedRanges: has('promql-extended-range-selectors'),
    fillModifiers: has('promql-binop-fill-modifiers'),
  };
  return {
    ...{ switches, lookbackMs, maxSamples, subqueryStepMs: SUBQUERY_STEP_MS },
    delayedNameRemoval: has('promql-delayed-name-removal'),
  };
}

/** @returns a test of origins; it knows the last expression, since a reload may change it */
function allowedOrigins(expression: () => string): (origin: string) => boolean | 'all' {
  let compiled = '';
  let test: (origin: string) => boolean = () => false;
  return (origin) => {
    const text = expression();
    if (text === '.*') return 'all';
    if (text === '') return false;
    if (text !== compiled) {
      test = compileTest(text);
      compiled = text;
    }
    return test(origin);
  };
}

function levelsOf(
  { gate }: QueryDesk,
  federation: Federation,
  { successful, atMs }: { readonly successful: boolean; readonly atMs: number },
): QueryLevels {
  return {
    ...{ running: gate.running, queued: gate.queued, maxConcurrent: gate.maxConcurrent },
    reload: { successful, atSeconds: atMs / 1000 },
    groups: federation.groups().map(({ name, ordinal, servers }) => ({
      ...{ name, ordinal },
      servers: servers.map(({ url, health }) => ({ host: hostOf(url), isUp: health !== 'down' })),
    })),
  };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

function countRequest(
  metrics: QueryMetrics,
  { group, server, call, outcome, durationMs }: RequestRecord,
): void {
  const path = call.startsWith('label/') ? 'label_values' : call.replace('/', '_');
  const seconds = durationMs / 1000;
  metrics.asked({ group, host: hostOf(server), call: path, outcome, seconds });
}

function countQuery(
  metrics: QueryMetrics,
  { call, queuedMs, runMs, figures }: EndedQuery,
  isSlow: boolean,
): void {
  metrics.ended({
    ...{ call, isSlow, samples: figures.samples },
    queuedSeconds: queuedMs / 1000,
    runSeconds: runMs / 1000,
  });
}

function slowFields({
  call,
  query,
  tenant,
  queuedMs,
  runMs,
  totalMs,
  failed,
  figures,
}: EndedQuery) {
  return {
    ...{ call, query, failed, ...(tenant !== '' && { tenant }) },
    queued_ms: Math.round(queuedMs),
    run_ms: Math.round(runMs),
    total_ms: Math.round(totalMs),
    ...{ series: figures.series, samples: figures.samples, requests: figures.requests },
  };
}

/** By the names of Promxy's flags. */
function flagsOf(config: QueryConfig): Readonly<Record<string, string>> {
  return {
    'query.timeout': `${config.timeoutMs / 1000}s`,
    'query.max-samples': String(config.maxSamples),
    'query.lookback-delta': `${config.lookbackMs / 1000}s`,
    'query.max-concurrency': String(config.maxConcurrent),
    'web.cors.origin': config.corsOrigin,
    'enable-feature': config.features.join(','),
  };
}

/** What `/readyz` says. */
function mention(federation: Federation): string {
  const servers = federation.groups().flatMap((group): readonly ServerState[] => group.servers);
  const down = servers.filter(({ health }) => health === 'down').length;
  return down === 0 ? 'ready' : `${down} of ${servers.length} servers do not answer`;
}
