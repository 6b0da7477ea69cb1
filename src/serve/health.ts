/**
 * Tells load balancers whether promgate runs, and whether to send requests to it.
 *
 * promgate is ready once every route source has given its first table, or 60 s after one has. It
 * stays ready until the program stops: the body names a source that fails later, but the status
 * stays 200.
 */
import type { RequestListener } from 'node:http';
import Koa from 'koa';
import type { Handler, RequestState } from './request.ts';

/** How long promgate waits for the other sources after the first has given its table. */
const GRACE_MS = 60_000;

/** The state of a route source. */
export interface ReadySource {
  readonly name: string;
  /** False until the source has given its first whole table. */
  readonly ready: boolean;
  /** Milliseconds since the source last worked; 0 while it works. */
  readonly ageMs?: number | undefined;
}

export type ReadyState = 'starting' | 'ready' | 'draining';

export interface ReadyReport {
  readonly status: ReadyState;
  readonly sources: Readonly<Record<string, string>>;
  /** The members that `mention` added. */
  readonly [name: string]: unknown;
}

export class Readiness {
  readonly #now: () => number;
  /** Undefined until `expect` names the sources. */
  #sources: readonly ReadySource[] | undefined;
  #firstReadyMs: number | undefined;
  #known = false;
  #draining = false;
  readonly #beside: Record<string, () => string> = {};

  /** @param now - a clock in milliseconds that only goes forward */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Sets all configured sources. Until then promgate is `starting`. */
  expect(sources: readonly ReadySource[]): void {
    this.#sources = sources;
    this.sourceRead();
  }

  /** Call this whenever a source was read: the first time starts the 60 s. */
  sourceRead(): void {
    this.#firstReadyMs ??= this.#sources?.some(({ ready }) => ready) ? this.#now() : undefined;
  }

  /** Adds a member to the body. Its state does not affect readiness. */
  mention(name: string, state: () => string): void {
    this.#beside[name] = state;
  }

  /** Sets the state to `draining`, so that load balancers send no new requests. */
  drain(): void {
    this.#draining = true;
  }

  /** Whether the route table counts as complete; stays true while draining. */
  get tableKnown(): boolean {
    if (this.#known) return true;
    if (!this.#sources) return false;
    this.sourceRead();
    const since = this.#firstReadyMs;
    this.#known =
      this.#sources.every(({ ready }) => ready) ||
      (since !== undefined && this.#now() - since >= GRACE_MS);
    return this.#known;
  }

  get state(): ReadyState {
    if (this.#draining) return 'draining';
    return this.tableKnown ? 'ready' : 'starting';
  }

  /** The states that `mention` added, by name. */
  mentioned(): Record<string, string> {
    const states = Object.entries(this.#beside).map(([name, state]) => [name, state()] as const);
    return Object.fromEntries(states);
  }

  report(): ReadyReport {
    const states = this.#sources?.map((source) => [source.name, stateOf(source)]);
    return {
      status: this.state,
      sources: Object.fromEntries(states ?? []),
      ...this.mentioned(),
    };
  }
}

function stateOf({ ready, ageMs = 0 }: ReadySource): string {
  if (!ready) return 'waiting';
  return ageMs > 0 ? `failing; it last worked ${Math.round(ageMs / 1000)} s ago` : 'ready';
}

const ALIVE = 'ok\n';

/** `GET /healthz`: 200 while the process runs, whatever else fails. */
export const healthz: Handler = (ctx) => {
  ctx.set('Cache-Control', 'no-store');
  ctx.body = ALIVE;
};

/** `GET /readyz`: 200 when ready, else 503; the body has the state of each source. */
export function readyz(readiness: Readiness): Handler {
  return (ctx) => {
    const report = readiness.report();
    ctx.set('Cache-Control', 'no-store');
    ctx.status = report.status === 'ready' ? 200 : 503;
    ctx.type = 'application/json';
    ctx.body = `${JSON.stringify(report)}\n`;
  };
}

/** Answers any path and method like `/readyz`. */
export function healthSite(readiness: Readiness): RequestListener {
  return new Koa<RequestState>().use(readyz(readiness)).callback();
}
