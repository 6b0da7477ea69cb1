/**
 * Finds out whether a gorouter heeds `X-CF-PROCESS-INSTANCE`, by asking for an instance that cannot
 * exist.
 *
 * A router that heeds the header refuses with 400. An older one ignores the header, and lets any
 * instance of the route answer; or, if it does not know the route, says 404.
 */
import type { AppIdentity } from '../discover/app-identity.ts';
import type { Failure } from './failure.ts';
import type { ScrapeTarget } from './target.ts';
import type { KnownRoute } from './way.ts';

/** Where requests through a router go. */
export interface RouterAddress {
  readonly address: string;
  readonly tls: boolean;
}

export interface RouterProbeOptions {
  /** Asks one target once. Must not reject. */
  readonly ask: (target: ScrapeTarget) => Promise<Asked>;
  /** Milliseconds of any clock that only goes forward. */
  readonly nowMs?: () => number;
  /** Called with each answer that decides. Must not throw. */
  readonly onAnswer?: (knows: boolean) => void;
}

/** What of an answer decides. */
export interface Asked {
  readonly failure?: Failure | undefined;
  readonly status?: number | undefined;
}

/** No process has this guid: its version is none. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
const PROBE_MS = 2000;
/** Routers are updated one after the other, and not often. */
const AGAIN_MS = { yes: 3_600_000, no: 600_000, unsure: 30_000 } as const;

export class RouterProbe {
  readonly #options: RouterProbeOptions;
  readonly #nowMs: () => number;
  #knows: boolean | undefined;
  #againAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(options: RouterProbeOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** The latest answer; undefined before the first that decides. */
  get knows(): boolean | undefined {
    return this.#knows;
  }

  /** Whether the router was ever asked. */
  get wasAsked(): boolean {
    return this.#againAtMs !== Number.NEGATIVE_INFINITY;
  }

  get isDue(): boolean {
    return this.#asking !== undefined || this.#nowMs() >= this.#againAtMs;
  }

  /** Asks once at a time. Never rejects. */
  ask(router: RouterAddress, route: KnownRoute, app: AppIdentity): Promise<void> {
    this.#asking ??= this.#ask(router, route, app).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(
    { address, tls }: RouterAddress,
    { host, path }: KnownRoute,
    { appId, spaceId }: AppIdentity,
  ): Promise<void> {
    const answer = await this.#options.ask({
      ...{ instance: undefined, exporter: undefined, address, tls, host, serverName: host },
      ...{ trust: 'system', http2: false, path: `${path}/metrics`, routePath: path, headers: [] },
      ...{ timeoutMs: PROBE_MS, oneOfSeveral: false, space: spaceId, app: appId },
      via: 'gorouter',
      pin: ['X-CF-PROCESS-INSTANCE', `${NOBODY}:0`],
    });
    const knows = readAnswer(answer);
    // A router that was asked before and is silent now is still the same one.
    this.#againAtMs = this.#nowMs() + AGAIN_MS[wordOf(knows)];
    if (knows === undefined) return;
    this.#knows = knows;
    this.#options.onAnswer?.(knows);
  }
}

function wordOf(knows: boolean | undefined): keyof typeof AGAIN_MS {
  if (knows === undefined) return 'unsure';
  return knows ? 'yes' : 'no';
}

/** @returns undefined if the answer does not decide */
function readAnswer({ failure, status }: Asked): boolean | undefined {
  switch (failure) {
    case 'unknown-route':
      return status === 400;
    case 'router-refused': // it has read the header, if only to find fault with it
      return status === 400;
    case undefined: // some instance gave its page
    case 'status-4xx':
    case 'status-5xx':
    case 'status-other':
    case 'not-metrics':
    case 'redirect':
    case 'endpoint-failure':
      return false;
    default:
      return undefined;
  }
}
