/** The query API on a real server, over a federation in memory. */
import type { Federation } from '../../../src/query/federation.ts';
import { QueryDesk, type QueryLimits } from '../../../src/serve/query/desk.ts';
import type { EngineSettings } from '../../../src/serve/query/engine.ts';
import { type QuerySiteOptions, queryMounts } from '../../../src/serve/query/site.ts';
import type { Handler } from '../../../src/serve/request.ts';
import type { Scope } from '../../../src/serve/scope.ts';
import { memoryFederation } from '../../support/memory-federation.ts';
import { type FrameServer, serveFrame } from '../frame-server.ts';

export interface QuerySite extends FrameServer {
  readonly desk: QueryDesk;
  /** The parsed body of a GET below `/api/v1/`. */
  get(rest: string, parameters?: Record<string, string> | [string, string][]): Promise<Answered>;
}

interface Answered {
  readonly status: number;
  readonly body: {
    readonly status: string;
    readonly data?: never;
    readonly errorType?: string;
    readonly error?: string;
    readonly warnings?: readonly string[];
    readonly infos?: readonly string[];
    readonly explain?: Readonly<Record<string, unknown>>;
  };
}

export interface QuerySiteSettings {
  readonly federation?: Federation;
  readonly scope?: Scope;
  readonly desk?: Partial<QueryLimits>;
  readonly settings?: Partial<EngineSettings>;
  readonly more?: Partial<QuerySiteOptions>;
}

const SETTINGS: EngineSettings = {
  ...{ switches: {}, lookbackMs: 300_000, subqueryStepMs: 60_000, maxSamples: 1e6 },
  delayedNameRemoval: false,
};

export async function serveQuery({
  federation = memoryFederation({ groups: [] }),
  scope = 'all',
  desk: deskLimits,
  settings,
  more,
}: QuerySiteSettings = {}): Promise<QuerySite> {
  const mistakes: unknown[] = [];
  const limits = { maxConcurrent: 4, maxQueued: 4, timeoutMs: 30_000, ...deskLimits };
  const desk = new QueryDesk({ limits: () => limits });
  const admit: Handler = (ctx, next) => {
    ctx.state.scope = scope;
    return next();
  };
  const mounts = queryMounts({
    ...{ admit, desk, origins: () => 'all' as const, partialResponse: () => false },
    federation: () => federation,
    settings: () => ({ ...SETTINGS, ...settings }),
    limits: { maxTimeoutMs: 30_000, stallMs: 30_000 },
    nowMs: () => 1_000_000,
    externalLabels: () => ({}),
    isReady: () => true,
    status: {
      ...{ version: '1', startedMs: 0, config: () => 'query: {}\n', flags: () => ({}) },
      reload: () => ({ successful: true, atMs: 0 }),
    },
    onMistake: (error) => mistakes.push(error),
    ...more,
  });
  const server = await serveFrame({ mounts });
  return {
    ...server,
    ...{ mistakes, desk },
    get: async (rest, parameters) => {
      const query = parameters === undefined ? '' : `?${new URLSearchParams(parameters)}`;
      const answer = await fetch(`${server.url}/api/v1/${rest}${query}`);
      return { status: answer.status, body: (await answer.json()) as Answered['body'] };
    },
  };
}
