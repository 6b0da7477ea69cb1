/**
 * Asks many targets at once, and returns one answer per target, in the order of the targets.
 *
 * A failed fetch is an answer too; no instance can make this file throw. At the deadline, or when
 * the reader leaves, `scrape-run.ts` ends all fetches at once and frees their slots and bytes.
 * `page.ts` fetches one page; `pool.ts` decides which fetch may begin, `budget.ts` which fetch may
 * hold bytes.
 */

import { Turns } from '../clock.ts';
import type { Instance } from '../discover/instance.ts';
import { InFlight } from '../in-flight.ts';
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

/** How many slots, bytes and connections are in use, and how many fetches wait for them. */
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
  readonly #runs = new InFlight<ScrapeRun>();
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

  /** The current load, for promgate's own metrics. */
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

  /** Makes the lease that holds the bytes of a scrape's pages: `using lease = scraper.lease()`. */
  lease(): Lease {
    return this.#budget.lease();
  }

  /** @returns one answer per target, in the order of the targets; never rejects */
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
          this.#runs.remove(place);
          this.#budget.fetched(request.lease);
          resolve(answers);
        },
      });
      const place = this.#runs.add(run);
      if (this.#stopped) run.abandon();
      else run.start(this.#latestMs);
    });
  }

  /** Drops connections and strikes of an address that left the table. */
  forget(address: string): void {
    this.#connections.forget(address);
    this.#pool.forget(address);
  }

  /** Ends all scrapes by `deadlineMs`, later ones too, since promgate is about to stop. */
  endBy(deadlineMs: number): void {
    this.#latestMs = deadlineMs;
    for (const run of this.#runs) run.endBy(deadlineMs);
  }

  /** Ends all scrapes as if their readers had left, and closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const run of this.#runs) run.abandon();
    await this.#connections[Symbol.asyncDispose]();
  }
}
