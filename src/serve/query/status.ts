/**
 * `/api/v1/status/…`: what tools and Grafana ask about the server itself.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#status
 */
import { joinHeadStats } from '../../query/answers/head-stats.ts';
import type { Handler } from '../request.ts';
import { jsonAnswer, sendAnswer } from './answer.ts';
import { type FederatedOptions, federated, remarksOf } from './federated.ts';
import { limitOf, readParameters } from './parameters.ts';
import { requireOperator } from './tenants.ts';

export interface QueryStatus {
  /** promgate's own version. */
  readonly version: string;
  readonly startedMs: number;
  /** The configuration in force, as YAML, with secrets masked. */
  readonly config: () => string;
  /** Settings by the names of Promxy's flags. */
  readonly flags: () => Readonly<Record<string, string>>;
  /** The last reload of the configuration. */
  readonly reload: () => { readonly successful: boolean; readonly atMs: number };
}

/** The version of Prometheus whose API this is: Grafana and others choose their calls by it. */
const API_VERSION = '3.14.0';
/** As many entries have the lists of `status/tsdb`. */
const HEAD_ENTRIES = 10;

export interface StatusOptions extends FederatedOptions {
  readonly status: QueryStatus;
}

export function buildInfo({ limits, status: { version } }: StatusOptions): Handler {
  const data = {
    ...{ version: API_VERSION, revision: '', branch: '', buildUser: '', buildDate: '' },
    ...{ goVersion: '', application: 'promgate', applicationVersion: version },
  };
  return (ctx) => sendAnswer(ctx, jsonAnswer(data), limits);
}

export function runtimeInfo(options: StatusOptions): Handler {
  return forOperators(options, ({ startedMs, reload }) => {
    const { successful, atMs } = reload();
    return {
      startTime: new Date(startedMs).toISOString(),
      CWD: process.cwd(),
      hostname: '',
      serverTime: new Date().toISOString(),
      reloadConfigSuccess: successful,
      lastConfigTime: new Date(atMs).toISOString(),
      corruptionCount: 0,
      goroutineCount: 0,
      GOMAXPROCS: 1,
      GOMEMLIMIT: 0,
      GOGC: '',
      GODEBUG: '',
      storageRetention: '',
    };
  });
}

export function configYaml(options: StatusOptions): Handler {
  return forOperators(options, ({ config }) => ({ yaml: config() }));
}

export function flagList(options: StatusOptions): Handler {
  return forOperators(options, ({ flags }) => flags());
}

/** promgate has no log to replay. */
export function walReplay(options: StatusOptions): Handler {
  return forOperators(options, () => ({ min: 0, max: 0, current: 0, state: 'done' }));
}

export function activeQueries({ desk, ...options }: StatusOptions): Handler {
  return forOperators(options, () => {
    const nowMs = Date.now();
    return {
      queries: desk.active().map(({ sinceMs, ...query }) => ({
        ...query,
        startTime: new Date(sinceMs).toISOString(),
        seconds: Math.max(0, nowMs - sinceMs) / 1000,
      })),
      ...{ running: desk.gate.running, queued: desk.gate.queued },
      maxConcurrent: desk.gate.maxConcurrent,
    };
  });
}

export function headStats(options: StatusOptions): Handler {
  return federated(options, 'status_tsdb', async ({ parameters, ctx, ask }) => {
    requireOperator(ctx.state.scope);
    const limit = limitOf(parameters) || HEAD_ENTRIES;
    const found = await ask({ path: 'status/tsdb' });
    return jsonAnswer(joinHeadStats(found.answers, limit), remarksOf(found));
  });
}

function forOperators(
  { status, limits }: Pick<StatusOptions, 'status' | 'limits'>,
  dataOf: (status: QueryStatus) => unknown,
): Handler {
  return async (ctx) => {
    requireOperator(ctx.state.scope);
    await readParameters(ctx);
    await sendAnswer(ctx, jsonAnswer(dataOf(status)), limits);
  };
}
