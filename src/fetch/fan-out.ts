/**
 * Asks many instances at once, and gives every one's answer in the order asked.
 *
 * A failure of one is an answer like any other; nothing here throws because of an instance. At the
 * deadline, or when the reader leaves, all that is under way ends at once, and slots and bytes are
 * free again. Each fetch is `page.ts`'s; who may begin is `pool.ts`'s, who may hold bytes
 * `budget.ts`'s.
 */

import { Turns } from '../clock.ts';
import type { Instance } from '../discover/instance.ts';
import type { ScrapeAnswer } from './answer.ts';
import { Budget } from './budget.ts';
import { Connections, type ConnectionsOptions } from './connections.ts';
import type { Lease } from './lease.ts';
import { Pacer } from './pacer.ts';
import { SlotPool } from './pool.ts';
import { type ScrapeRequest, ScrapeRun } from './scrape-run.ts';

export interface ScraperOptions extends ConnectionsOptions {
  /** `scrape.concurrency` */
  readonly concurrency: number;
  /** `scrape.per_app` */
  readonly perApp: number;
  /** `scrape.max_body` */
  readonly maxBodyBytes: number;
  /** `scrape.max_bytes` */
  readonly maxBytes: number;
  /** `scrape.plain_credentials` */
  readonly plainCredentials: boolean;
  /**
   * Whether what answers at the instance's address is still the instance. Asked before each request,
   * since a scrape may have waited for long. Standard: it is.
   */
  readonly isThere?: ((instance: Instance) => boolean) | undefined;
}

/** How many of each there are. */
export interface ScraperLoad {
  readonly slots: number;
  readonly waitingForSlots: number;
  readonly bytes: number;
  readonly waitingForBytes: number;
  readonly busyConnections: number;
  readonly idleConnections: number;
}

export class Scraper implements AsyncDisposable {
  readonly #pool: SlotPool;
  readonly #budget: Budget;
  readonly #pacer = new Pacer();
  readonly #expiries = new Turns();
  readonly #connections: Connections;
  readonly #maxBodyBytes: number;
  readonly #plainCredentials: boolean;
  readonly #isThere: (instance: Instance) => boolean;
  readonly #runs = new Set<ScrapeRun>();
  #latestMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: ScraperOptions) {
    this.#pool = new SlotPool(options);
    this.#budget = new Budget(options);
    this.#connections = new Connections(options);
    this.#maxBodyBytes = options.maxBodyBytes;
    this.#plainCredentials = options.plainCredentials;
    this.#isThere = options.isThere ?? (() => true);
  }

  /** What is in use now, for promgate's own metrics. */
  get load(): ScraperLoad {
    const { busy, idle } = this.#connections.sizes;
    return {
      slots: this.#pool.running,
      waitingForSlots: this.#pool.waiting,
      bytes: this.#budget.usedBytes,
      waitingForBytes: this.#budget.waiting,
      busyConnections: busy,
      idleConnections: idle,
    };
  }

  /** Where a scrape's pages are accounted for: `using lease = scraper.lease()`. */
  lease(): Lease {
    return this.#budget.lease();
  }

  /** @returns one answer per target, in their order; never rejects */
  scrape(request: ScrapeRequest): Promise<ScrapeAnswer[]> {
    return new Promise((resolve) => {
      const run = new ScrapeRun(request, {
        pool: this.#pool,
        budget: this.#budget,
        pacer: this.#pacer,
        expiries: this.#expiries,
        connections: this.#connections,
        maxBodyBytes: this.#maxBodyBytes,
        plainCredentials: this.#plainCredentials,
        isThere: this.#isThere,
        done: (answers) => {
          this.#runs.delete(run);
          this.#budget.fetched(request.lease);
          resolve(answers);
        },
      });
      this.#runs.add(run);
      if (this.#stopped) run.abandon();
      else run.start(this.#latestMs);
    });
  }

  /** An address left the table: what is kept for it goes. */
  forget(address: string): void {
    this.#connections.forget(address);
    this.#pool.forget(address);
  }

  /** From now on no scrape lasts longer than until `deadlineMs`: promgate is about to stop. */
  endBy(deadlineMs: number): void {
    this.#latestMs = deadlineMs;
    for (const run of [...this.#runs]) run.endBy(deadlineMs);
  }

  /** Ends all scrapes as if their readers had left, and closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const run of [...this.#runs]) run.abandon();
    await this.#connections[Symbol.asyncDispose]();
  }
}
