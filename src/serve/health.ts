/**
 * Whether promgate lives, and whether requests should be sent to it.
 *
 * Ready means: every route source has given its first table, or one has for a minute already. It
 * stays so until the program stops: a source that fails later is said in the body, not in the status.
 */
import type { RequestListener } from 'node:http';
import Koa from 'koa';
import type { Handler, RequestState } from './request.ts';

/** One slow source does not hold back the others for longer than this. */
const GRACE_MS = 60_000;

/** A route source, as far as this file is concerned. */
export interface ReadySource {
  readonly name: string;
  /** False until the source has given its first whole table. */
  readonly ready: boolean;
  /** For how long it has been failing; 0 while it works. */
  readonly ageMs?: number | undefined;
}

export type ReadyState = 'starting' | 'ready' | 'draining';

export interface ReadyReport {
  readonly status: ReadyState;
  readonly sources: Readonly<Record<string, string>>;
  /** What `mention` named. */
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

  /** @param now - milliseconds on any scale that only goes forward */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The sources exist, all that are configured: before, promgate is starting. */
  expect(sources: readonly ReadySource[]): void {
    this.#sources = sources;
    this.sourceRead();
  }

  /** To be called when a source was read, so that its minute begins. */
  sourceRead(): void {
    this.#firstReadyMs ??= this.#sources?.some(({ ready }) => ready) ? this.#now() : undefined;
  }

  /** Something else is told in the body: whatever its state is, requests can be answered. */
  mention(name: string, state: () => string): void {
    this.#beside[name] = state;
  }

  /** From now on no new requests should be sent here. */
  drain(): void {
    this.#draining = true;
  }

  /** Whether the route table is known: also while draining. */
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

  report(): ReadyReport {
    const states = this.#sources?.map((source) => [source.name, stateOf(source)]);
    const beside = Object.entries(this.#beside).map(([name, state]) => [name, state()]);
    return {
      status: this.state,
      sources: Object.fromEntries(states ?? []),
      ...Object.fromEntries(beside),
    };
  }
}

function stateOf({ ready, ageMs = 0 }: ReadySource): string {
  if (!ready) return 'waiting';
  return ageMs > 0 ? `failing, last read ${Math.round(ageMs / 1000)} s ago` : 'ready';
}

const ALIVE = 'ok\n';

/** `GET /healthz`: alive, whatever else is away. */
export const healthz: Handler = (ctx) => {
  ctx.set('Cache-Control', 'no-store');
  ctx.body = ALIVE;
};

/** `GET /readyz`: 200 when ready, else 503; the body states each source. */
export function readyz(readiness: Readiness): Handler {
  return (ctx) => {
    const report = readiness.report();
    ctx.set('Cache-Control', 'no-store');
    ctx.status = report.status === 'ready' ? 200 : 503;
    ctx.type = 'application/json';
    ctx.body = `${JSON.stringify(report)}\n`;
  };
}

/** The health port: any path and method as `/readyz`. */
export function healthSite(readiness: Readiness): RequestListener {
  return new Koa<RequestState>().use(readyz(readiness)).callback();
}
