/**
 * Fetches one page from one target: waits for a slot and for bytes, asks, follows redirects, and
 * gives one answer. `page-state.ts` lists the states; `body-reader.ts` reads the body of a 200.
 *
 * Every fault of an instance becomes a word of `failure.ts` here. `scrape-run.ts` calls `end` at
 * the scrape's deadline or when the reader leaves; only a page with its own timeout has a timer. A
 * fetch makes few objects and no promises: with 1,000 instances this is the hot path.
 */
import type { ScrapeAnswer } from './answer.ts';
import { firstBytes } from './body.ts';
import { type BodyOwner, BodyReader } from './body-reader.ts';
import type { Failure } from './failure.ts';
import type { FailedGet, Get, Receiver, ResponseHeaders } from './get.ts';
import type { Account, BytesClaim } from './lease.ts';
import {
  accountOf,
  ENDED,
  HELD_BACK,
  type Judged,
  NEW,
  type PageState,
  QUEUED,
  statusOf,
  waitsForBytes,
} from './page-state.ts';
import type { Slot, SlotClaim } from './pool.ts';
import { type Ending, MAX_TIMER_MS, type Scene } from './scene.ts';
import type { Outcome } from './suspects.ts';
import type { ScrapeTarget } from './target.ts';
import { judge, routerWord } from './verdict.ts';

/** Bounds on reading the body of a status other than 200, which keeps the connection usable. */
const MAX_DRAINED_BYTES = 65_536;
const MAX_DRAIN_MS = 250;

export class PageFetch implements SlotClaim, BytesClaim, Receiver, BodyOwner {
  readonly #scene: Scene;
  readonly #target: ScrapeTarget;
  readonly #index: number;
  readonly #slot: Slot;
  #state: PageState = NEW;
  /** The request target; redirects change it. */
  #path: string;
  #redirects = 0;
  /** Why the strict parser refused the response; set if the lenient parser is used. */
  #refusal: string | undefined;
  #get: Get | undefined;
  #drainedBytes = 0;
  #startedMs = 0;
  /** The page's own deadline, set by the first request. */
  #deadlineMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(scene: Scene, target: ScrapeTarget, index: number) {
    this.#scene = scene;
    this.#target = target;
    this.#index = index;
    this.#path = target.path;
    this.#slot = scene.pool.slot(this);
  }

  get space(): string {
    return this.#target.space;
  }

  get app(): string {
    return this.#target.app;
  }

  get address(): string {
    // All apps share the router's address: the endpoint's own says which of them hangs.
    return this.#target.instance?.endpoint.address ?? this.#target.address;
  }

  get page(): string {
    return this.#target.oneOfSeveral ? this.#target.path : '';
  }

  get input(): Get | undefined {
    return this.#get;
  }

  /** Marks the fetch as not started because other fetches of its scrape wait for bytes. */
  holdBack(): void {
    if (this.#state.name === 'new') this.#state = HELD_BACK;
  }

  /** Asks the pool for a slot. */
  start(): void {
    if (this.#state.name === 'ended') return;
    this.#state = QUEUED;
    this.#scene.pool.request(this.#slot);
  }

  /** The failure to report if the deadline fired now; pass it to `end`. */
  get late(): Ending {
    if (waitsForBytes(this.#state)) return { failure: 'over-budget', outcome: 'unknown' };
    if (this.#get?.wantsDescriptor) return { failure: 'no-descriptors', outcome: 'unknown' };
    const verdict = this.#state.name === 'judged' ? this.#state.verdict : undefined;
    const failure = typeof verdict === 'string' ? verdict : 'timeout';
    return { failure, outcome: this.#get ? 'hung' : 'unknown' };
  }

  /** Ends the fetch, if it has not ended. */
  end({ failure, outcome }: Ending): void {
    this.#fail(failure, outcome);
  }

  slotGranted(): void {
    if (this.#scene.lease.waits) this.#giveSlotBack();
    else {
      this.#startedMs = performance.now();
      this.#begin();
    }
  }

  bytesGranted(): void {
    if (this.#state.name === 'waiting') this.#ask(this.#state.account);
    else if (this.#state.name === 'reading') this.#state.reader.granted();
  }

  bytesRefused(): void {
    this.#fail('over-budget', 'unknown');
  }

  started(status: number, headers: ResponseHeaders): void {
    const state = this.#state;
    if (state.name !== 'asking') return;
    const asked = { target: this.#target, path: this.#path, redirects: this.#redirects };
    const verdict = judge(status, headers, asked);
    if (verdict === undefined) this.#expect(state.account, headers);
    else {
      const drainTimer = setTimeout(this.#drainNoMore, MAX_DRAIN_MS);
      const said = { status, verdict, cause: routerWord(headers) };
      this.#state = { name: 'judged', account: state.account, ...said, drainTimer };
    }
    this.#get?.bodyBegins(verdict === undefined ? this.#scene.maxBodyBytes : MAX_DRAINED_BYTES);
  }

  received(chunk: Buffer, pieces = 1): void {
    if (this.#state.name === 'reading') this.#state.reader.write(chunk, pieces);
    else if (this.#state.name === 'judged') this.#drain(chunk);
  }

  ended(): void {
    if (this.#state.name === 'reading') this.#state.reader.end();
    else if (this.#state.name === 'judged') this.#conclude(this.#state);
  }

  failed({ failure, hung, refused, cause }: FailedGet): void {
    const state = this.#state;
    if (state.name === 'judged') this.#conclude(state);
    else if (refused && this.#refusal === undefined) this.#askLeniently(cause);
    else {
      const why = this.#refusal === undefined ? cause : `${cause}; strict parser: ${this.#refusal}`;
      this.#fail(failure, hung ? 'hung' : 'answered', why);
    }
  }

  bodyCame(body: Buffer): void {
    if (this.#state.name !== 'reading') return;
    const { contentType, headers } = this.#state.reader;
    this.#settle('answered', {
      target: this.#target,
      durationSeconds: this.#elapsedSeconds(),
      bodyBytes: body.length,
      page: { body, contentType, headers },
    });
  }

  mayRetry(): boolean {
    const { instance } = this.#target;
    return instance === undefined || this.#scene.isThere(instance);
  }

  bodyFailed(failure: Failure, cause?: string): void {
    this.#fail(failure, failure === 'over-budget' ? 'unknown' : 'answered', cause);
  }

  /** Leaves the slot to fetches that have bytes: one fetch of the scrape waits already. */
  #giveSlotBack(): void {
    this.#state = ENDED;
    this.#scene.pool.release(this.#slot, 'unknown');
    this.#scene.heldBack(this.#index);
  }

  /** Sends the request as soon as the budget grants the first bytes. */
  #begin(): void {
    const { budget, lease, maxBodyBytes } = this.#scene;
    const account = budget.open(lease, this.space, this);
    this.#state = { name: 'waiting', account };
    const room = budget.grow(account, firstBytes(maxBodyBytes, budget));
    if (room === 'granted') this.#ask(account);
    else if (room === 'refused') this.bytesRefused();
  }

  #ask(account: Account): void {
    const { connections } = this.#scene;
    const { timeoutMs } = this.#target;
    this.#state = { name: 'asking', account };
    if (!this.mayRetry()) {
      this.#fail('moved', 'unknown', 'its address is no longer its own');
      return;
    }
    if (timeoutMs !== undefined && this.#timer === undefined) this.#limit(timeoutMs);
    const headers = this.#scene.headersFor(this.#target, this.#deadlineMs);
    const because = this.#refusal;
    this.#get =
      because === undefined
        ? connections.get(this.#target, this.#path, headers, this)
        : connections.getLeniently(this.#target, this.#path, headers, { receiver: this, because });
    if (!accountOf(this.#state)) this.#get.abort(); // the fetch has ended meanwhile
  }

  /** Asks again in the same slot and deadline, and drops the part of a page that arrived. */
  #askLeniently(because: string): void {
    const state = this.#state;
    const account = accountOf(state);
    if (!account) return; // the fetch has ended
    this.#refusal = because;
    if (state.name === 'reading') state.reader.stop();
    this.#scene.budget.close(account);
    this.#begin();
  }

  /** Sets the timer for the page's own deadline, which counts from the first request. */
  #limit(timeoutMs: number): void {
    this.#deadlineMs = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => this.end(this.late), Math.min(timeoutMs, MAX_TIMER_MS));
  }

  /** Prepares for the body of a 200. */
  #expect(account: Account, headers: ResponseHeaders): void {
    const { budget, pacer, maxBodyBytes } = this.#scene;
    const reader = new BodyReader({
      ...{ owner: this, budget, pacer, account, maxBytes: maxBodyBytes, headers },
      freesInput: !this.#target.http2,
    });
    this.#state = { name: 'reading', account, reader };
    reader.begin();
  }

  #drain(chunk: Buffer): void {
    this.#drainedBytes += chunk.length;
    if (this.#drainedBytes > MAX_DRAINED_BYTES) this.#drainNoMore();
  }

  /** Gives up a connection whose response is too long or too slow to read to its end. */
  readonly #drainNoMore = (): void => {
    if (this.#state.name !== 'judged') return;
    this.#get?.abort();
    this.#conclude(this.#state);
  };

  /** Acts on the verdict once the response is over: fails, or follows the redirect. */
  #conclude({ verdict, account, drainTimer, cause }: Judged): void {
    clearTimeout(drainTimer);
    if (typeof verdict === 'string') this.#fail(verdict, 'answered', cause);
    else {
      this.#path = verdict.path;
      this.#drainedBytes = 0;
      this.#redirects++;
      this.#ask(account);
    }
  }

  #fail(failure: Failure, outcome: Outcome, cause?: string): void {
    const state = this.#state;
    if (state.name === 'ended') return;
    const status = statusOf(state);
    this.#settle(outcome, {
      target: this.#target,
      durationSeconds: this.#elapsedSeconds(),
      bodyBytes: state.name === 'reading' ? state.reader.length : 0,
      failure,
      ...(status === undefined ? {} : { status }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #settle(outcome: Outcome, answer: ScrapeAnswer): void {
    const state = this.#state;
    const account = accountOf(state);
    this.#state = ENDED;
    clearTimeout(this.#timer);
    if (state.name === 'judged') clearTimeout(state.drainTimer);
    this.#get?.abort();
    if (state.name === 'reading') {
      state.reader.stop();
      if (answer.failure !== undefined) state.reader.discard();
    }
    if (account) this.#scene.budget.close(account);
    this.#scene.settled(this.#index, answer);
    this.#scene.pool.release(this.#slot, outcome);
  }

  #elapsedSeconds(): number {
    return this.#startedMs === 0 ? 0 : (performance.now() - this.#startedMs) / 1000;
  }
}
