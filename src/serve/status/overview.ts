/**
 * `GET /status/overview`: what the reader sees, how fresh the routes are, and for those who may see
 * everything the figures of each system.
 *
 * The figures are those of `/metrics`, read at most once a second, however many readers ask.
 */
import type { MetricRegistry } from '../../telemetry/registry.ts';
import type { ReadySource, ReadyState } from '../health.ts';
import type { Handler } from '../request.ts';
import { pushes, type Scope } from '../scope.ts';
import { answerJson } from './answer-json.ts';

export interface OverviewOptions {
  readonly registry: Pick<MetricRegistry, 'read'>;
  readonly sources: readonly ReadySource[];
  readonly state: () => ReadyState;
  /** States of databases and of Redis by name, as `/readyz` has them. */
  readonly mentions: () => Readonly<Record<string, string>>;
  readonly version: string;
  /** Whether readers need a credential. */
  readonly needsCredential: boolean;
  /** A clock in milliseconds that only goes forward. */
  readonly now?: () => number;
}

/** The metrics that the page shows; what is not configured has none. */
const FIGURES = [
  'promgate_route_source_last_success_timestamp_seconds',
  'promgate_cf_api_sweep_age_seconds',
  'promgate_cf_api_rate_limit_remaining',
  'promgate_apps',
  'promgate_routes',
  'promgate_route_endpoints',
  'promgate_route_ambiguous_addresses',
  'promgate_scrape_slots_used',
  'promgate_scrape_slots',
  'promgate_scrape_waiting',
  'promgate_scrape_bytes_in_flight',
  'promgate_scrape_bytes_limit',
  'promgate_way_attempts_total',
  'promgate_cache_bytes',
  'promgate_cache_entries',
  'promgate_cache_refresh_jobs',
  'promgate_cache_requests_total',
  'promgate_bindings',
  'promgate_bindings_age_seconds',
  'promgate_push_series',
  'promgate_push_tenants',
  'promgate_pushes_total',
  'promgate_remote_write_behind_seconds',
  'promgate_remote_write_queue_bytes',
  'promgate_remote_write_samples_total',
  'promgate_remote_write_samples_lost_total',
  'promgate_endpoint_fetches_total',
  'promgate_query_running',
  'promgate_query_queued',
  'promgate_query_server_up',
  'promgate_query_errors_total',
  'promgate_query_incomplete_total',
  'promgate_replica_channel_ready',
  'promgate_replica_messages_received_total',
] as const;

const KEPT_MS = 1_000;

type Figures = Readonly<Record<string, Awaited<ReturnType<MetricRegistry['read']>>>>;

export function overview(options: OverviewOptions): Handler {
  const { sources, state, mentions, version, needsCredential } = options;
  const figures = keptFigures(options);
  return async (ctx) => {
    const { scope } = ctx.state;
    const seesAll = scope === 'all';
    answerJson(ctx, {
      ...{ version, needsCredential, state: state(), reader: readerOf(scope) },
      atSeconds: Date.now() / 1000,
      sources: sources.map((source) => ({
        ...(seesAll && { name: source.name }),
        ...stateOf(source),
      })),
      ...(seesAll && { mentions: mentions(), figures: await figures() }),
    });
  };
}

function readerOf(scope: Scope) {
  if (scope === 'all') return { sees: 'all' };
  if (pushes(scope)) return { sees: 'none' }; // not admitted
  return scope.appId === undefined ? { sees: 'space' } : { sees: 'app' };
}

function stateOf({ name, ready, ageMs }: ReadySource) {
  const kind = /^[\w-]+/.exec(name)?.[0] ?? '';
  if (!ready) return { kind, state: 'waiting', ageSeconds: null };
  const ageSeconds = Math.round((ageMs ?? 0) / 1000);
  return { kind, state: (ageMs ?? 0) > 0 ? 'failing' : 'ready', ageSeconds };
}

function keptFigures({ registry, now = () => performance.now() }: OverviewOptions) {
  let kept: Promise<Figures> | undefined;
  let keptMs = 0;
  return (): Promise<Figures> => {
    if (kept && now() - keptMs < KEPT_MS) return kept;
    keptMs = now();
    kept = readFigures(registry);
    return kept;
  };
}

async function readFigures(registry: OverviewOptions['registry']): Promise<Figures> {
  const read = FIGURES.map(async (name) => [name, await registry.read(name)] as const);
  const all = await Promise.all(read);
  return Object.fromEntries(all.filter(([, samples]) => samples.length > 0));
}
