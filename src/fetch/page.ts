/**
 * One page from one instance: waits for its slot and for bytes, asks, follows redirects, and ends
 * in one answer.
 *
 * Everything that an instance can do wrong ends here as a word of `failure.ts`. The deadline of all,
 * and readers that leave, come from `fan-out.ts`, by way of `end`; only a page with a timeout of its
 * own has a timer. One object per fetch and no promises: with 1,000 instances a scrape this is the
 * hot path.
 */
import type { Instance } from '../discover/instance.ts';
import type { ScrapeAnswer } from './answer.ts';
import { type Added, Body, firstBytes, PART_BYTES } from './body.ts';
import type { Budget } from './budget.ts';
import type { Connections } from './connections.ts';
import type { Failure } from './failure.ts';
import type { FailedGet, Get, Receiver, ResponseHeaders } from './get.ts';
import { type InflateReceiver, Inflater } from './inflate.ts';
import type { Account, BytesClaim, Lease } from './lease.ts';
import { free, ReadMemory } from './memory.ts';
import { HEAVY_BYTES, type Paced, type Pacer } from './pacer.ts';
import type { Slot, SlotClaim, SlotPool } from './pool.ts';
import { redirectPath } from './redirect.ts';
import type { Outcome } from './suspects.ts';
import type { ScrapeTarget } from './target.ts';

/** What the fetches of one scrape share. */
export interface Scene {
  readonly pool: SlotPool;
  readonly budget: Budget;
  readonly pacer: Pacer;
  readonly connections: Connections;
  readonly lease: Lease;
  /** `scrape.max_body` */
  readonly maxBodyBytes: number;
  /** Whether what answers at the instance's address is still the instance. */
  isThere(instance: Instance): boolean;
  /** @param deadlineMs - the page's own, if it is earlier than that of all */
  headersFor(target: ScrapeTarget, deadlineMs: number): readonly string[];
  /** Called once per fetch. */
  settled(index: number, answer: ScrapeAnswer): void;
  /** The fetch has not begun, and has given its slot back: others of its scrape wait for bytes. */
  heldBack(index: number): void;
}

/** How a fetch ends from outside. */
export interface Ending {
  readonly failure: Failure;
  readonly outcome: Outcome;
}

/** A longer timer would ring at once. Nobody waits for 24 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

const MAX_REDIRECTS = 3;
/** How much of a body that is of no use is read to keep its connection. */
const MAX_DRAINED_BYTES = 65_536;
/** Whatever its size, a piece of a body costs as much as this many bytes: chunks may hold one each. */
const PIECE_EFFORT_BYTES = 8;

export class PageFetch implements SlotClaim, BytesClaim, Paced, Receiver, InflateReceiver {
  readonly #scene: Scene;
  readonly #target: ScrapeTarget;
  readonly #index: number;
  readonly #slot: Slot;
  #account: Account | undefined;
  #exchange: Get | undefined;
  /** Why the strict parser refused its answer. */
  #refusal: string | undefined;
  #body: Body | undefined;
  #inflater: Inflater | undefined;
  #read = new ReadMemory();
  #contentType = '';
  #startedMs = 0;
  /** Its own, set when it is asked for. */
  #deadlineMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #status = 0;
  #path: string;
  #redirects = 0;
  /** What the status alone says; the rest of the response is only read to its end. */
  #verdict: Failure | 'follow' | undefined;
  #drainedBytes = 0;
  /** What taking the body in has cost, in bytes: see PIECE_EFFORT_BYTES. */
  #effortBytes = 0;
  /** All has come; it may wait for room, or for its turn to be put together. */
  #hasCome = false;
  /** It is large, and waits for its turn. */
  #paced = false;
  #done = false;
  /** It has not begun, for want of bytes. */
  heldBack = false;

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
    return this.#target.address;
  }

  get page(): string {
    return this.#target.oneOfSeveral ? this.#target.path : '';
  }

  /** Queues up. */
  start(): void {
    if (this.#done) return;
    this.heldBack = false;
    this.#scene.pool.request(this.#slot);
  }

  /** What it is, as it stands, if the deadline comes now; to be told to `end`. */
  get late(): Ending {
    if (this.heldBack || this.#waitsForBytes) return { failure: 'over-budget', outcome: 'unknown' };
    if (this.#exchange?.wantsDescriptor) return { failure: 'no-descriptors', outcome: 'unknown' };
    const verdict = this.#verdict === 'follow' ? undefined : this.#verdict;
    return { failure: verdict ?? 'timeout', outcome: this.#exchange ? 'hung' : 'unknown' };
  }

  /** Ends it, if it has not ended. */
  end({ failure, outcome }: Ending): void {
    this.#fail(failure, outcome);
  }

  slotGranted(): void {
    const { lease } = this.#scene;
    if (lease.waits) {
      this.#holdBack();
      return;
    }
    this.#startedMs = performance.now();
    this.#begin();
  }

  /** Asks as soon as there is room for the beginning of a page. */
  #begin(): void {
    const { budget, lease, maxBodyBytes } = this.#scene;
    this.#account = budget.open(lease, this.space, this);
    const room = budget.grow(this.#account, firstBytes(maxBodyBytes, budget));
    if (room === 'granted') this.#ask();
    else if (room === 'refused') this.bytesRefused();
  }

  bytesGranted(): void {
    if (!this.#body) this.#ask();
    else if (this.#handle(this.#body.granted()) && !this.#paced) this.#resume();
  }

  turnCame(): void {
    this.#paced = false;
    if (!this.#done && !this.#body?.waiting) this.#resume();
  }

  bytesRefused(): void {
    this.#fail('over-budget', 'unknown');
  }

  started(status: number, headers: ResponseHeaders): void {
    this.#status = status;
    if (status === 200) this.#expect(headers);
    else if (status >= 300 && status < 400) this.#redirect(status, one(headers['location']));
    else if (status >= 400 && status < 500) this.#verdict = 'status-4xx';
    else if (status >= 500 && status < 600) this.#verdict = 'status-5xx';
    else this.#verdict = 'status-other';
    const wanted = this.#verdict ? MAX_DRAINED_BYTES : this.#scene.maxBodyBytes;
    this.#exchange?.bodyBegins(wanted);
  }

  received(chunk: Buffer): void {
    if (this.#done) return;
    if (this.#verdict) this.#drain(chunk);
    else if (!this.#inflater) {
      if (!this.#target.http2) this.#read.add(chunk); // before a pause for this chunk
      this.#add(chunk);
    } else if (!this.#inflater.write(chunk)) this.#exchange?.pause();
  }

  ended(): void {
    if (this.#done) return;
    if (this.#verdict) this.#conclude();
    else if (this.#inflater) this.#inflater.end();
    else this.#complete();
  }

  failed({ failure, hung, refused, cause }: FailedGet): void {
    if (this.#done) return;
    if (this.#verdict) this.#conclude();
    else if (refused && this.#refusal === undefined) this.#askLeniently(cause);
    else {
      const why = this.#refusal === undefined ? cause : `${cause}; strictly: ${this.#refusal}`;
      this.#fail(failure, hung ? 'hung' : 'answered', why);
    }
  }

  mayRetry(): boolean {
    const { instance } = this.#target;
    return instance === undefined || this.#scene.isThere(instance);
  }

  inflatedPart(chunk: Buffer): void {
    this.#add(chunk);
    // The stream fills a buffer to its end, and never looks at it again.
    const isLast = chunk.byteOffset + chunk.length === chunk.buffer.byteLength;
    if (isLast && !this.#body?.waiting) free(chunk.buffer);
  }

  inflated(): void {
    this.#complete();
  }

  notGzip(error: Error): void {
    const isCut = 'code' in error && error.code === 'Z_BUF_ERROR';
    this.#fail(isCut ? 'truncated' : 'invalid', 'answered', `gzip: ${error.message}`);
  }

  hungry(): void {
    this.#exchange?.resume();
  }

  /** One that waits for its first bytes is enough: its others leave their slots to who has bytes. */
  #holdBack(): void {
    this.#done = true;
    this.#scene.pool.release(this.#slot, 'unknown');
    this.#scene.heldBack(this.#index);
  }

  get #waitsForBytes(): boolean {
    return this.#account?.list !== undefined;
  }

  #ask(): void {
    const { connections } = this.#scene;
    const { timeoutMs } = this.#target;
    if (!this.mayRetry()) {
      this.#fail('moved', 'unknown', 'its address is no longer its own');
      return;
    }
    if (timeoutMs !== undefined && this.#timer === undefined) this.#limit(timeoutMs);
    const headers = this.#scene.headersFor(this.#target, this.#deadlineMs);
    const because = this.#refusal;
    this.#exchange =
      because === undefined
        ? connections.get(this.#target, this.#path, headers, this)
        : connections.getLeniently(this.#target, this.#path, headers, { receiver: this, because });
    if (this.#done) this.#exchange.abort();
  }

  /** Begins anew, in the same slot and within the same deadline; part of a page may have come. */
  #askLeniently(because: string): void {
    this.#refusal = because;
    this.#status = 0;
    this.#inflater?.destroy();
    this.#inflater = undefined;
    this.#body = undefined;
    this.#paced = false;
    this.#read = new ReadMemory();
    this.#scene.budget.close(this.#account!); // opened before the request was sent
    this.#begin();
  }

  /** Ends it at its own deadline. The clock starts with the first request, and goes on in redirects. */
  #limit(timeoutMs: number): void {
    this.#deadlineMs = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => this.end(this.late), Math.min(timeoutMs, MAX_TIMER_MS));
  }

  /** A 200: prepares for its body. */
  #expect(headers: ResponseHeaders): void {
    const { budget, maxBodyBytes } = this.#scene;
    this.#contentType = one(headers['content-type']) ?? '';
    const account = this.#account!; // opened before the request was sent
    const body = new Body({ maxBytes: maxBodyBytes, budget, account });
    this.#body = body;
    if (isGzip(headers['content-encoding'])) this.#inflater = new Inflater(this);
    else {
      const size = Number(one(headers['content-length']));
      if (size > maxBodyBytes) this.#fail('too-large', 'answered');
      else if (size >= 0) body.expect(size);
    }
  }

  #add(chunk: Buffer): void {
    if (this.#done || !this.#body || !this.#handle(this.#body.add(chunk))) return;
    const effort = chunk.length + PIECE_EFFORT_BYTES;
    this.#effortBytes += effort;
    if (this.#effortBytes <= HEAVY_BYTES || this.#paced) return;
    this.#paced = !this.#scene.pacer.spend(effort, this);
    if (this.#paced) this.#pause();
  }

  /** @returns whether more may come */
  #handle(added: Added): boolean {
    if (added === 'full') this.#fail('too-large', 'answered');
    else if (added === 'refused') this.bytesRefused();
    else if (added === 'waiting') this.#pause();
    return added === 'added';
  }

  #pause(): void {
    this.#read.keep();
    if (this.#inflater) this.#inflater.pause();
    else this.#exchange?.pause();
  }

  #resume(): void {
    if (this.#hasCome) this.#complete();
    else if (this.#inflater) this.#inflater.resume();
    else this.#exchange?.resume();
  }

  #redirect(status: number, location: string | undefined): void {
    const path =
      this.#redirects < MAX_REDIRECTS
        ? redirectPath(status, location, this.#target, this.#path)
        : undefined;
    this.#verdict = path === undefined ? 'redirect' : 'follow';
    if (path !== undefined) this.#path = path;
  }

  #drain(chunk: Buffer): void {
    this.#drainedBytes += chunk.length;
    if (this.#drainedBytes <= MAX_DRAINED_BYTES) return;
    this.#exchange?.abort();
    this.#conclude();
  }

  /** The response that `#verdict` is about is over. */
  #conclude(): void {
    const verdict = this.#verdict;
    if (verdict && verdict !== 'follow') {
      this.#fail(verdict, 'answered');
      return;
    }
    this.#verdict = undefined;
    this.#status = 0;
    this.#drainedBytes = 0;
    this.#redirects++;
    this.#ask();
  }

  #complete(): void {
    if (this.#done || !this.#body) return;
    this.#hasCome = true;
    if (this.#body.waiting) return;
    let body = this.#body.finish();
    while (body === undefined) {
      this.#paced = !this.#scene.pacer.spend(PART_BYTES, this);
      if (this.#paced) return;
      body = this.#body.finish();
    }
    this.#read.freeSoon();
    this.#settle('answered', {
      target: this.#target,
      durationSeconds: this.#elapsedSeconds(),
      bodyBytes: body.length,
      page: { body, contentType: this.#contentType },
    });
  }

  #fail(failure: Failure, outcome: Outcome, cause?: string): void {
    if (this.#done) return;
    this.#settle(outcome, {
      target: this.#target,
      durationSeconds: this.#elapsedSeconds(),
      bodyBytes: this.#body?.length ?? 0,
      failure,
      ...(this.#status === 0 ? {} : { status: this.#status }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #settle(outcome: Outcome, answer: ScrapeAnswer): void {
    this.#done = true;
    clearTimeout(this.#timer);
    this.#exchange?.abort();
    this.#inflater?.destroy();
    if (answer.failure !== undefined) this.#body?.discard();
    this.#body = undefined;
    if (this.#account) this.#scene.budget.close(this.#account);
    this.#scene.settled(this.#index, answer);
    this.#scene.pool.release(this.#slot, outcome);
  }

  #elapsedSeconds(): number {
    return this.#startedMs === 0 ? 0 : (performance.now() - this.#startedMs) / 1000;
  }
}

/**
 * Only gzip was asked for. Whatever else a `Content-Encoding` says (`none`, `utf-8`, a media type),
 * the bytes are tried as they are, as Prometheus does.
 */
function isGzip(header: string | string[] | undefined): boolean {
  const encoding = String(header ?? '').trim(); // several headers are one, joined by commas
  return /^(?:x-)?gzip$/i.test(encoding);
}

/** The value of a header; of several the first. */
function one(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
