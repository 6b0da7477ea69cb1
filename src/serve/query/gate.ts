/**
 * Bounds how many queries run at once. Queries beyond the bound wait in a queue, in turns of their
 * tenants, so that the queries of one tenant do not keep those of the others waiting.
 */
import { QueryError } from '../query-errors.ts';

export interface QueryGateOptions {
  /** `query.max_concurrent`; one tenant has at most half of them. */
  readonly maxConcurrent: number;
  /** `query.max_queued`; one tenant has at most half of them. */
  readonly maxQueued: number;
}

interface Waiting {
  readonly begin: () => void;
}

/** A tenant's bounds are those of all, divided by this. */
const SHARE = 2;

export class QueryGate {
  readonly #options: () => QueryGateOptions;
  readonly #running = new Map<string, number>();
  /** The queues of tenants, the one whose turn is next first. */
  readonly #queues = new Map<string, Set<Waiting>>();
  #runs = 0;
  #waits = 0;

  /** @param options - read anew for each query, since a reload may change them */
  constructor(options: () => QueryGateOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#runs;
  }

  get queued(): number {
    return this.#waits;
  }

  get maxConcurrent(): number {
    return this.#options().maxConcurrent;
  }

  /**
   * Waits until the query may run.
   *
   * @param tenant - who asks; '' for those who are bounded only by `maxConcurrent`
   * @param signal - ends the wait: by a `TimeoutError` it counts as a timeout
   * @returns a handle: dispose of it when the query is over
   * @throws {QueryError} `overloaded` if too many wait; `timeout`, `canceled`
   */
  async enter(tenant: string, signal: AbortSignal): Promise<Disposable> {
    if (signal.aborted) throw ended(signal);
    if (this.#mayRun(tenant)) return this.#begin(tenant);
    const queue = this.#queues.get(tenant) ?? new Set<Waiting>();
    this.#refuseIfFull(tenant, queue);
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = { begin: resolve };
    queue.add(waiting);
    this.#queues.set(tenant, queue);
    this.#waits += 1;
    const leave = (): void => resolve();
    signal.addEventListener('abort', leave, { once: true });
    await promise;
    signal.removeEventListener('abort', leave);
    if (!queue.has(waiting)) {
      const handle = this.#handle(tenant); // `#next` has counted it as running
      if (!signal.aborted) return handle;
      handle[Symbol.dispose]();
      throw ended(signal);
    }
    this.#drop(tenant, queue, waiting);
    throw ended(signal);
  }

  #mayRun(tenant: string): boolean {
    const { maxConcurrent } = this.#options();
    if (this.#runs >= maxConcurrent) return false;
    return tenant === '' || (this.#running.get(tenant) ?? 0) < Math.ceil(maxConcurrent / SHARE);
  }

  #refuseIfFull(tenant: string, { size }: ReadonlySet<Waiting>): void {
    const { maxQueued, maxConcurrent } = this.#options();
    const isFull = tenant !== '' && size >= Math.ceil(maxQueued / SHARE);
    if (this.#waits < maxQueued && !isFull) return;
    const message =
      `${this.#runs} queries run (query.max_concurrent: ${maxConcurrent}) and ${this.#waits} wait ` +
      `(query.max_queued: ${maxQueued}): try again later`;
    throw new QueryError('overloaded', message, { headers: { 'Retry-After': '5' } });
  }

  #begin(tenant: string): Disposable {
    this.#count(tenant, 1);
    return this.#handle(tenant);
  }

  #handle(tenant: string): Disposable {
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        this.#count(tenant, -1);
        this.#next();
      },
    };
  }

  #count(tenant: string, by: 1 | -1): void {
    this.#runs += by;
    const own = (this.#running.get(tenant) ?? 0) + by;
    if (own === 0) this.#running.delete(tenant);
    else this.#running.set(tenant, own);
  }

  #next(): void {
    for (const [tenant, queue] of this.#queues) {
      if (!this.#mayRun(tenant)) continue;
      const [waiting] = queue;
      if (waiting === undefined) continue;
      this.#drop(tenant, queue, waiting);
      this.#queues.delete(tenant); // the tenant goes to the end of the line
      if (queue.size > 0) this.#queues.set(tenant, queue);
      this.#count(tenant, 1);
      waiting.begin();
      return;
    }
  }

  #drop(tenant: string, queue: Set<Waiting>, waiting: Waiting): void {
    queue.delete(waiting);
    this.#waits -= 1;
    if (queue.size === 0) this.#queues.delete(tenant);
  }
}

function ended({ reason }: AbortSignal): QueryError {
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
  return timedOut
    ? new QueryError('timeout', 'query timed out in query queue')
    : new QueryError('canceled', 'query was canceled in query queue');
}
