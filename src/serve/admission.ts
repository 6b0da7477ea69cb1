/**
 * Bounds the requests for app pages that run at once. One tenant may have at most half of them, so
 * that no tenant keeps the others out. promgate refuses further requests at once. Requests that
 * arrive together start in turns.
 */
import { Turns } from '../clock.ts';
import { Problem } from './errors.ts';
import type { Exchange, Handler } from './request.ts';

export interface AdmissionOptions {
  /** `scrape.max_requests` */
  readonly maxRequests: number;
  /** Called for each refused request. */
  readonly onRefused?: (() => void) | undefined;
}

/** A tenant's bound is `maxRequests` divided by this. */
const SHARE = 2;

/** Runs `work` for a request when it is admitted, unless the reader has left by then. */
export type Gate = (exchange: Exchange, work: () => Promise<void>) => Promise<void>;

/** @param tenantOf - gives the `tenant` for `Admission.enter` */
export function openGate(
  admission: Admission,
  tenantOf: (exchange: Exchange) => string | undefined,
): Gate {
  const turns = new Turns();
  return async (exchange, work) => {
    using _ = admission.enter(tenantOf(exchange));
    await new Promise<void>((resolve) => turns.run(resolve));
    if (!exchange.state.signal.aborted) await work();
  };
}

/** Lets each request to `handle` pass the gate. */
export function bounded(gate: Gate, handle: Handler): Handler {
  return (ctx, next) => gate(ctx, async () => await handle(ctx, next));
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #ofTenants = new Map<string, number>();
  #running = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** How many requests are running. */
  get running(): number {
    return this.#running;
  }

  /**
   * Counts a request as running.
   *
   * @param tenant - who sent the request; undefined if only `maxRequests` bounds the sender
   * @returns a handle: dispose of it when the request is over
   * @throws {Problem} `too-many-requests`
   */
  enter(tenant: string | undefined): Disposable {
    const { maxRequests, onRefused } = this.#options;
    const own = tenant === undefined ? 0 : (this.#ofTenants.get(tenant) ?? 0);
    const ownMost = Math.ceil(maxRequests / SHARE);
    if (this.#running >= maxRequests || (tenant !== undefined && own >= ownMost)) {
      onRefused?.();
      const most = own >= ownMost ? ownMost : maxRequests;
      throw new Problem('too-many-requests', `${most} such requests are running already`, {
        headers: { 'Retry-After': '5' },
      });
    }
    this.#running += 1;
    if (tenant !== undefined) this.#ofTenants.set(tenant, own + 1);
    return { [Symbol.dispose]: () => this.#leave(tenant) };
  }

  #leave(tenant: string | undefined): void {
    this.#running -= 1;
    if (tenant === undefined) return;
    const left = (this.#ofTenants.get(tenant) ?? 1) - 1;
    if (left === 0) this.#ofTenants.delete(tenant);
    else this.#ofTenants.set(tenant, left);
  }
}
