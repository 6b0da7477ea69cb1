/**
 * One scrape under way: its fetches, its deadline, and its restart when others need its bytes.
 */
import type { Turns } from '../clock.ts';
import type { ScrapeAnswer } from './answer.ts';
import type { Budget } from './budget.ts';
import type { Connections } from './connections.ts';
import type { ScrapeHeaders } from './forward.ts';
import type { Account, BytesClaim, Lease, LeaseHolder } from './lease.ts';
import { freePages } from './memory.ts';
import type { Pacer } from './pacer.ts';
import { PageFetch } from './page.ts';
import type { SlotPool } from './pool.ts';
import { RunHeaders } from './run-headers.ts';
import { type Ending, MAX_TIMER_MS, type Scene } from './scene.ts';
import type { ScrapeTarget } from './target.ts';

export interface ScrapeRequest {
  readonly targets: readonly ScrapeTarget[];
  readonly headers: ScrapeHeaders;
  /**
   * The deadline for all answers, on the scale of `performance.now()`. The scrape reads it again
   * when it has come, since it may have moved: a reader with more time may have joined.
   */
  readonly deadlineMs: number;
  /** Aborts when the reader leaves. */
  readonly signal: AbortSignal;
  /** Aborts to bring the deadline forward to now. */
  readonly hurry?: AbortSignal | undefined;
  /** Holds the pages' bytes; made by `Scraper.lease`. The caller disposes of it after writing. */
  readonly lease: Lease;
  /**
   * Called with each answer as it arrives. Must not throw.
   *
   * @param index - index of the target in `targets`
   * @returns a promise that the scrape awaits before it ends: resolved when the answer is
   *   processed, with another target if the scrape should ask that target. Never rejects
   */
  readonly onAnswer?: (
    answer: ScrapeAnswer,
    index: number,
  ) => Promise<ScrapeTarget | undefined> | undefined;
  /**
   * Called when the scrape restarts because others need its bytes; earlier answers are void.
   *
   * @returns a promise, resolved when nobody uses the earlier pages any more. Never rejects
   */
  readonly onRestart?: () => Promise<void>;
}

interface RunParts
  extends Pick<Scene, 'pool' | 'budget' | 'pacer' | 'connections' | 'maxBodyBytes' | 'isThere'> {
  /** Scrapes that began together expire together; this spreads the work over turns. */
  readonly expiries: Turns;
  readonly plainCredentials: boolean;
  readonly done: (answers: ScrapeAnswer[]) => void;
}

const NO_ROOM: Ending = { failure: 'over-budget', outcome: 'unknown' };

/** One scrape under way. */
export class ScrapeRun implements Scene, LeaseHolder, BytesClaim {
  readonly pool: SlotPool;
  readonly budget: Budget;
  readonly pacer: Pacer;
  readonly connections: Connections;
  readonly maxBodyBytes: number;
  readonly isThere: Scene['isThere'];
  readonly lease: Lease;
  readonly #request: ScrapeRequest;
  readonly #expiries: Turns;
  readonly #onDone: RunParts['done'];
  #answers: ScrapeAnswer[];
  #fetches: PageFetch[];
  /** The target of each fetch; at first `request.targets`. */
  #targets: ScrapeTarget[] = [];
  /** How many fetches have not ended, or have answers that `onAnswer` still processes. */
  #missing: number;
  /** Fetches that have not begun, since others of this scrape wait for bytes. */
  #heldBack: PageFetch[] = [];
  /** How often the scrape has begun. */
  #attempt = 1;
  #restarting = false;
  /** Set while the scrape has given its bytes back and waits for room to begin again. */
  #waitsForRoom: Account | undefined;
  /** Set if the scrape was ended while it gave its bytes back. */
  #ending: Ending | undefined;
  /** The scrape ends by then, whatever the deadline of the request. */
  #latestMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  readonly #headers: RunHeaders;

  constructor(
    request: ScrapeRequest,
    {
      pool,
      budget,
      pacer,
      expiries,
      connections,
      maxBodyBytes,
      plainCredentials,
      isThere,
      done,
    }: RunParts,
  ) {
    this.pool = pool;
    this.budget = budget;
    this.pacer = pacer;
    this.#expiries = expiries;
    this.connections = connections;
    this.maxBodyBytes = maxBodyBytes;
    this.isThere = isThere;
    this.lease = request.lease;
    this.#request = request;
    this.#headers = new RunHeaders(request.headers, plainCredentials);
    this.#onDone = done;
    this.#answers = new Array(request.targets.length);
    this.#fetches = this.#newFetches();
    this.#missing = this.#fetches.length;
    this.lease.holder = this;
  }

  start(latestMs: number): void {
    const { signal, hurry } = this.#request;
    if (this.#missing === 0) {
      this.#onDone([]);
      return;
    }
    if (signal.aborted) {
      this.abandon();
      return;
    }
    signal.addEventListener('abort', this.abandon);
    hurry?.addEventListener('abort', this.#expireNow);
    this.#latestMs = latestMs;
    const isOver = hurry?.aborted === true || performance.now() >= this.#deadlineMs;
    if (isOver) this.#expire();
    else this.#look();
    // `start` does nothing for fetches that the deadline has already ended.
    for (const fetch of this.#fetches) fetch.start();
  }

  /** Brings the deadline forward. */
  endBy(latestMs: number): void {
    this.#latestMs = Math.min(this.#latestMs, latestMs);
    this.#look();
  }

  get #deadlineMs(): number {
    return Math.min(this.#latestMs, this.#request.deadlineMs);
  }

  /** Ends all fetches as `aborted`. A field, since `signal` needs a listener bound to `this`. */
  readonly abandon = (): void => {
    this.#endAll(() => ({ failure: 'aborted', outcome: 'unknown' }));
  };

  /** Checks the deadline again: it may have moved, or the timer was shorter than the time left. */
  readonly #look = (): void => {
    clearTimeout(this.#timer);
    const leftMs = this.#deadlineMs - performance.now();
    if (leftMs <= 0) this.#expiries.run(this.#expire);
    else this.#timer = setTimeout(this.#look, Math.min(Math.ceil(leftMs), MAX_TIMER_MS));
  };

  readonly #expireNow = (): void => this.endBy(performance.now());

  readonly #expire = (): void => {
    this.#endAll(this.#restarting ? () => NO_ROOM : (fetch) => fetch.late);
  };

  /** Ends the last fetch first, so that waiting fetches end before freed bytes reach them. */
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
    this.#expiries.drop(this.#expire);
    this.#request.signal.removeEventListener('abort', this.abandon);
    this.#request.hurry?.removeEventListener('abort', this.#expireNow);
    this.#onDone(this.#answers);
  }

  heldBack(index: number): void {
    if (this.#restarting) return;
    const fetch = new PageFetch(this, this.#targets[index]!, index);
    fetch.holdBack();
    this.#fetches[index] = fetch;
    this.#heldBack.push(fetch);
  }

  waitsNoMore(): void {
    if (this.#heldBack.length > 0) queueMicrotask(this.#startHeldBack);
  }

  /** Starts the held-back fetches; fetches that find no room come back to the list. */
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
    for (const fetch of this.#fetches) fetch.holdBack();
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

  /** Only a bug could lead here, since the scrape held as many bytes before. */
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
    return this.#headers.of(target, Math.min(this.#deadlineMs, deadlineMs));
  }
}
