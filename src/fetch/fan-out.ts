/**
 * Asks many instances at once, and gives every one's answer in the order asked.
 *
 * A failure of one is an answer like any other; nothing here throws because of an instance. At the
 * deadline, or when the reader leaves, all that is under way ends at once, and slots and bytes are
 * free again. Each fetch is `page.ts`'s; who may begin is `pool.ts`'s, who may hold bytes
 * `budget.ts`'s.
 */

import type { Instance } from '../discover/instance.ts';
import type { ScrapeAnswer } from './answer.ts';
import { Budget } from './budget.ts';
import { Connections, type ConnectionsOptions } from './connections.ts';
import {
  type ScrapeHeaders,
  TIMEOUT_HEADER,
  withOwnHeaders,
  withoutCredentials,
} from './forward.ts';
import type { Account, BytesClaim, Lease, LeaseHolder } from './lease.ts';
import { freePages } from './memory.ts';
import { Pacer } from './pacer.ts';
import { type Ending, MAX_TIMER_MS, PageFetch, type Scene } from './page.ts';
import { SlotPool } from './pool.ts';
import type { ScrapeTarget } from './target.ts';

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

export interface ScrapeRequest {
  readonly targets: readonly ScrapeTarget[];
  readonly headers: ScrapeHeaders;
  /** When answers are wanted at the latest, on the scale of `performance.now()`. */
  readonly deadlineMs: number;
  /** Aborts when the reader leaves. */
  readonly signal: AbortSignal;
  /** Holds the pages' bytes; made by `Scraper.lease`, to be disposed of when they are written. */
  readonly lease: Lease;
  /**
   * Told of each answer as it comes. Must not throw.
   *
   * @param index - of its target
   * @returns when what is made of it has its room; the scrape ends after that. It may be a target to
   *   ask instead. Never rejects
   */
  readonly onAnswer?: (
    answer: ScrapeAnswer,
    index: number,
  ) => Promise<ScrapeTarget | undefined> | undefined;
  /**
   * The scrape begins again, since others need its bytes: the answers so far are void.
   *
   * @returns when nobody looks at their pages any more. Never rejects
   */
  readonly onRestart?: () => Promise<void>;
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
  readonly #connections: Connections;
  readonly #maxBodyBytes: number;
  readonly #plainCredentials: boolean;
  readonly #isThere: (instance: Instance) => boolean;
  readonly #runs = new Set<Run>();
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
      const run = new Run(request, {
        pool: this.#pool,
        budget: this.#budget,
        pacer: this.#pacer,
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

interface RunParts
  extends Pick<Scene, 'pool' | 'budget' | 'pacer' | 'connections' | 'maxBodyBytes' | 'isThere'> {
  readonly plainCredentials: boolean;
  readonly done: (answers: ScrapeAnswer[]) => void;
}

const NO_ROOM: Ending = { failure: 'over-budget', outcome: 'unknown' };

/** One scrape under way. */
class Run implements Scene, LeaseHolder, BytesClaim {
  readonly pool: SlotPool;
  readonly budget: Budget;
  readonly pacer: Pacer;
  readonly connections: Connections;
  readonly maxBodyBytes: number;
  readonly isThere: Scene['isThere'];
  readonly lease: Lease;
  readonly #request: ScrapeRequest;
  readonly #plainCredentials: boolean;
  readonly #onDone: RunParts['done'];
  #answers: ScrapeAnswer[];
  #fetches: PageFetch[];
  /** Whom each asks: at first as requested. */
  #targets: ScrapeTarget[] = [];
  /** Fetches that have not ended, or whose pages are still being taken. */
  #missing: number;
  /** Those that have not begun, since others of this scrape wait for bytes. */
  #heldBack: PageFetch[] = [];
  /** How often it has begun. */
  #attempt = 1;
  #restarting = false;
  /** It has given its bytes back, and waits for room to begin again. */
  #waitsForRoom: Account | undefined;
  /** It was ended while it gave its bytes back. */
  #ending: Ending | undefined;
  #deadlineMs: number;
  #timer: NodeJS.Timeout | undefined;
  /** The headers made last: the instances of one app mostly have the same ones. */
  #headers: readonly string[] = [];
  #headersFor = '';
  #headersWith: readonly string[] = [];
  /** A page's own headers -> those shared, with its own in their places. */
  #ownHeaders: Map<readonly string[], readonly string[]> | undefined;
  /** The shared headers for endpoints that must not see a credential. */
  #uncredentialed: readonly string[] | undefined;

  constructor(
    request: ScrapeRequest,
    { pool, budget, pacer, connections, maxBodyBytes, plainCredentials, isThere, done }: RunParts,
  ) {
    this.pool = pool;
    this.budget = budget;
    this.pacer = pacer;
    this.connections = connections;
    this.maxBodyBytes = maxBodyBytes;
    this.isThere = isThere;
    this.lease = request.lease;
    this.#request = request;
    this.#plainCredentials = plainCredentials;
    this.#onDone = done;
    this.#deadlineMs = request.deadlineMs;
    this.#answers = new Array(request.targets.length);
    this.#fetches = this.#newFetches();
    this.#missing = this.#fetches.length;
    this.lease.holder = this;
  }

  start(latestMs: number): void {
    const { signal } = this.#request;
    if (this.#missing === 0) {
      this.#onDone([]);
      return;
    }
    if (signal.aborted) {
      this.abandon();
      return;
    }
    signal.addEventListener('abort', this.abandon);
    this.endBy(Math.min(latestMs, this.#deadlineMs));
    // Those after the deadline are settled already, and do not start.
    for (const fetch of this.#fetches) fetch.start();
  }

  /** Sets the deadline, or brings it forward. */
  endBy(deadlineMs: number): void {
    this.#deadlineMs = Math.min(this.#deadlineMs, deadlineMs);
    clearTimeout(this.#timer);
    const leftMs = this.#deadlineMs - performance.now();
    if (leftMs <= 0) this.#expire();
    else this.#timer = setTimeout(this.#look, Math.min(Math.ceil(leftMs), MAX_TIMER_MS));
  }

  /** A field, since it is a listener too. */
  readonly abandon = (): void => {
    this.#endAll(() => ({ failure: 'aborted', outcome: 'unknown' }));
  };

  /** A timer may fire a fraction of a millisecond early, or be shorter than what is left. */
  readonly #look = (): void => this.endBy(this.#deadlineMs);

  #expire(): void {
    this.#endAll(this.#restarting ? () => NO_ROOM : (fetch) => fetch.late);
  }

  /** From the last to the first: those who wait are gone before others make room for them. */
  #endAll(endingOf: (fetch: PageFetch) => Ending): void {
    const endings = this.#fetches.map(endingOf);
    if (this.#waitsForRoom) this.#stopWaitingForRoom();
    else if (this.#restarting) {
      this.#ending ??= endings[0];
      return;
    }
    for (let i = this.#fetches.length - 1; i >= 0; i--) this.#fetches[i]?.end(endings[i]!);
    this.budget.expire(this.lease);
  }

  settled(index: number, answer: ScrapeAnswer): void {
    this.#answers[index] = answer;
    if (this.#restarting) return;
    const taken = this.#request.onAnswer?.(answer, index);
    if (taken === undefined) this.#took(this.#attempt);
    else void this.#await(taken, index);
  }

  async #await(taken: Promise<ScrapeTarget | undefined>, index: number): Promise<void> {
    const attempt = this.#attempt;
    const instead = await taken;
    if (instead === undefined) this.#took(attempt);
    else if (attempt === this.#attempt && !this.#restarting) this.#ask(instead, index);
  }

  /** Asks another target in place of the one that has answered. */
  #ask(target: ScrapeTarget, index: number): void {
    this.#targets[index] = target;
    const fetch = new PageFetch(this, target, index);
    this.#fetches[index] = fetch;
    if (this.#request.signal.aborted) fetch.end({ failure: 'aborted', outcome: 'unknown' });
    else if (performance.now() >= this.#deadlineMs) fetch.end(fetch.late);
    else fetch.start();
  }

  #took(attempt: number): void {
    if (attempt !== this.#attempt || this.#restarting || --this.#missing > 0) return;
    clearTimeout(this.#timer);
    this.#request.signal.removeEventListener('abort', this.abandon);
    this.#onDone(this.#answers);
  }

  heldBack(index: number): void {
    if (this.#restarting) return;
    const fetch = new PageFetch(this, this.#targets[index]!, index);
    fetch.heldBack = true;
    this.#fetches[index] = fetch;
    this.#heldBack.push(fetch);
  }

  waitsNoMore(): void {
    if (this.#heldBack.length > 0) queueMicrotask(this.#startHeldBack);
  }

  /** Those who find no room after all come back to the list. */
  readonly #startHeldBack = (): void => {
    const fetches = this.#heldBack;
    if (this.#restarting || this.lease.waits) return;
    this.#heldBack = [];
    for (const fetch of fetches) fetch.start();
  };

  revoked(): void {
    this.#restarting = true;
    this.#heldBack = [];
    for (let i = this.#fetches.length - 1; i >= 0; i--) this.#fetches[i]?.end(NO_ROOM);
    void this.#beginAgain();
  }

  async #beginAgain(): Promise<void> {
    await this.#request.onRestart?.();
    freePages(this.#answers.flatMap(({ page }) => page?.body ?? []));
    this.#answers = new Array(this.#answers.length);
    this.#attempt++;
    this.#fetches = this.#newFetches();
    this.#missing = this.#fetches.length;
    for (const fetch of this.#fetches) fetch.heldBack = true;
    const { account, room } = this.budget.restart(this.lease, this);
    this.#waitsForRoom = account;
    const ending = this.#ending;
    if (ending) this.#endAll(() => ending);
    else if (room === 'granted') this.bytesGranted();
    else if (room === 'refused') this.bytesRefused();
  }

  bytesGranted(): void {
    const account = this.#waitsForRoom;
    if (!account) return;
    this.#waitsForRoom = undefined;
    this.#restarting = false;
    this.budget.reserve(account);
    for (const fetch of this.#fetches) fetch.start();
  }

  /** No more than a mistake could lead here: it held as much before. */
  bytesRefused(): void {
    this.#endAll(() => NO_ROOM);
  }

  #stopWaitingForRoom(): void {
    const account = this.#waitsForRoom;
    this.#waitsForRoom = undefined;
    this.#restarting = false;
    if (account) this.budget.close(account);
  }

  #newFetches(): PageFetch[] {
    this.#targets = [...this.#request.targets];
    return this.#targets.map((target, index) => new PageFetch(this, target, index));
  }

  headersFor(target: ScrapeTarget, deadlineMs: number): readonly string[] {
    const endMs = Math.min(this.#deadlineMs, deadlineMs);
    const leftSeconds = Math.max(0, endMs - performance.now()) / 1000;
    const left = String(Math.max(0.1, Math.floor(leftSeconds * 10) / 10));
    const kind = target.instance ? (target.tls ? 'tls' : 'plain') : 'exporter';
    const key = `${kind} ${left} ${target.host}`;
    if (key !== this.#headersFor || target.headers !== this.#headersWith) {
      const { exporters } = this.#request.headers;
      const shared = target.instance ? this.#instanceHeaders(target) : exporters;
      this.#headers = ['Host', target.host, ...shared, TIMEOUT_HEADER, left];
      this.#headersFor = key;
      this.#headersWith = target.headers;
    }
    return this.#headers;
  }

  #instanceHeaders({ tls, headers: own }: ScrapeTarget): readonly string[] {
    const { instances } = this.#request.headers;
    if (!tls && !this.#plainCredentials) {
      this.#uncredentialed ??= withoutCredentials(instances);
      return this.#uncredentialed;
    }
    if (own.length === 0) return instances;
    this.#ownHeaders ??= new Map();
    let headers = this.#ownHeaders.get(own);
    if (headers === undefined) {
      headers = withOwnHeaders(instances, own);
      this.#ownHeaders.set(own, headers);
    }
    return headers;
  }
}
