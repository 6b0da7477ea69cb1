/**
 * Discovers apps by the CF API (v3): a route source that knows names, instances, routes and
 * declared endpoints, but no addresses. `target.ts` says what becomes of it.
 *
 * The files of `cf-api/` hold the parts: token, budget, client, lists, inventory, stats and feed.
 */
import { type Clock, everyTurn, systemClock, takeSteps } from '../clock.ts';
import { Budget } from './cf-api/budget.ts';
import { CfClient, type RequestKind } from './cf-api/client.ts';
import { TargetFeed } from './cf-api/feed.ts';
import type { Filters } from './cf-api/filters.ts';
import { openHttp } from './cf-api/got.ts';
import { Inventory } from './cf-api/inventory.ts';
import { Stats } from './cf-api/stats.ts';
import { Sweeper } from './cf-api/sweep.ts';
import { type Credentials, Tokens } from './cf-api/token.ts';
import type { ClientTls } from './client-tls.ts';
import { startReading } from './reading.ts';
import type { RouteTable } from './route-table.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import type { SourceError } from './source-error.ts';
import type { SourceWatch } from './source-state.ts';
import type { Target } from './target.ts';

export interface CfApiOptions {
  /** The API's root: `https://api.example.com`. */
  readonly url: string;
  readonly credentials: Credentials;
  readonly filters: Filters;
  readonly requestsPerMinute: number;
  /** From the end of a sweep to the start of the next. Default 60 s. */
  readonly intervalMs?: number | undefined;
  /** Every list is read whole at least this often. Default 5 min. */
  readonly fullIntervalMs?: number | undefined;
  /** Bound on one request. Default 60 s. */
  readonly timeoutMs?: number | undefined;
  readonly maxApps?: number | undefined;
  readonly maxPageBytes?: number | undefined;
  readonly perPage?: number | undefined;
  readonly tls?: ClientTls | undefined;
  readonly clock?: Clock | undefined;
  /** The wall clock in milliseconds. */
  readonly wallMs?: (() => number) | undefined;
  /** A number from 0 up to 1, for the jitter. */
  readonly random?: (() => number) | undefined;
}

/** `full`: every list anew; `changes`: what changed since the last sweep. */
type SweepKind = 'full' | 'changes';

export interface CfApiObservers extends SourceObservers {
  /** A request goes out. */
  readonly onRequest?: ((kind: RequestKind) => void) | undefined;
  /** A sweep has ended whole. */
  readonly onSweep?: ((kind: SweepKind, tookMs: number) => void) | undefined;
  /** Stats could not be read; the next sweep goes on. */
  readonly onStatsFailure?: ((error: SourceError) => void) | undefined;
}

/** What the source says of itself and of the API. */
export interface CfApiState {
  /** What the token allows; empty before the first token. */
  readonly scopes: readonly string[];
  /** Requests that the API says are left; undefined while it limits nothing. */
  readonly remainingRequests: number | undefined;
  /** Milliseconds since the last sweep that ended whole began; undefined before the first. */
  readonly sweepAgeMs: number | undefined;
}

export interface CfApiSource extends RouteSource {
  readonly inventory: Inventory;
  readonly state: CfApiState;
  wantStats(processId: string): Promise<void>;
}

const TURN_MS = 2;
const FIRST_RETRY_MS = 5000;
const JITTER = 0.1;

/** Starts sweeping; the first sweep begins at once. */
export function startCfApi(
  options: CfApiOptions,
  table: RouteTable,
  observers: CfApiObservers = {},
): CfApiSource {
  const parts = openParts(options, table, observers);
  const { clock, budget, tokens, inventory, stats, sweeper, update, feed, stop } = parts;
  const { intervalMs = 60_000, fullIntervalMs = 300_000, random = Math.random } = options;
  let sweptAtMs: number | undefined;
  let fullAtMs = Number.NEGATIVE_INFINITY;
  let cost = 0;

  const sweep = async (watch: SourceWatch): Promise<boolean> => {
    const startedMs = clock.nowMs();
    const isFull =
      watch.failures > 0 || !sweeper.readsChanges || startedMs - fullAtMs >= fullIntervalMs;
    const before = parts.requests.count;
    await (isFull ? sweeper.full(stop.signal) : sweeper.changes(stop.signal));
    cost = parts.requests.count - before;
    if (isFull) budget.sweepCost = cost;
    const changed = await update();
    if (stop.signal.aborted) return changed;
    sweptAtMs = startedMs;
    if (isFull) fullAtMs = startedMs;
    observers.onSweep?.(isFull ? 'full' : 'changes', clock.nowMs() - startedMs);
    return changed;
  };
  const source = startReading({
    ...{ clock, stop, observers, read: sweep },
    name: `cf-api ${new URL(options.url).host}`,
    pauseMs: (watch) => {
      const jitter = 1 + JITTER * (2 * random() - 1);
      if (watch.failures === 0) return Math.max(intervalMs, budget.pauseAfterMs(cost)) * jitter;
      const retryMs = Math.min(FIRST_RETRY_MS * 2 ** (watch.failures - 1), intervalMs) * jitter;
      return Math.max(retryMs, tokens.pausedMs, budget.pausedMs);
    },
    clear: (isDue) => feed.clear(isDue, stop.signal),
  });
  const state: CfApiState = {
    get scopes() {
      return tokens.scopes;
    },
    get remainingRequests() {
      return budget.remaining;
    },
    get sweepAgeMs() {
      return sweptAtMs === undefined ? undefined : clock.nowMs() - sweptAtMs;
    },
  };
  return Object.assign(source, {
    ...{ inventory, state },
    wantStats: (processId: string) => stats.want(processId),
    targetOf: ({ processId, index }: Target) => inventory.targetOf(processId, index),
    declaredOf: (appId: string) => inventory.ofApp(appId)?.declared,
  });
}

function openParts(options: CfApiOptions, table: RouteTable, observers: CfApiObservers) {
  const { clock = systemClock, wallMs = Date.now, filters, requestsPerMinute } = options;
  const { maxApps = 50_000, maxPageBytes = 16 * 1024 * 1024, timeoutMs = 60_000 } = options;
  const { onRefused = () => undefined, onRequest, onStatsFailure = () => undefined } = observers;
  const { onLoss = () => undefined } = observers;
  const stop = new AbortController();
  const apiUrl = options.url.replace(/\/+$/, '');
  const http = openHttp({ tls: options.tls, timeoutMs });
  const nowMs = () => clock.nowMs();
  const budget = new Budget({ requestsPerMinute, nowMs, wallMs });
  const tokens = new Tokens({ http, apiUrl, credentials: options.credentials, clock, onRequest });
  const requests = { count: 0 };
  const client = new CfClient({
    ...{ http, apiUrl, tokens, budget, clock },
    onRequest: (kind) => {
      if (kind !== 'stats') requests.count += 1;
      onRequest?.(kind);
    },
  });
  const inventory = new Inventory(filters);
  const layer = table.layer();
  const feed = new TargetFeed(layer, onRefused);
  const update = async (): Promise<boolean> => {
    const word = layer.nextWord();
    const refused = await takeSteps(inventory.build(stats), everyTurn(TURN_MS));
    if (refused > 0) onRefused('too-many', refused);
    table.learnNames(Array.from(inventory.apps.all(), (app) => inventory.identityOf(app)));
    stats.keepOnly((processId) => inventory.processes.get(processId) !== undefined);
    return feed.accept(() => inventory.selected, word, stop.signal);
  };
  const stats: Stats = new Stats({
    ...{ client, budget, clock, signal: stop.signal, onFailure: onStatsFailure },
    onStats: async (processId) => {
      inventory.touch(processId);
      await feed.accept(() => inventory.selected, layer.nextWord(), stop.signal);
    },
  });
  const sweeper = new Sweeper({
    ...{ client, inventory, filters, maxApps, maxPageBytes, perPage: options.perPage },
    onRefused: (count) => onRefused('shape', count),
    onLoss,
    onReplaced: (processId) => stats.forget(processId),
  });
  return { clock, budget, tokens, inventory, stats, sweeper, update, feed, stop, requests };
}
