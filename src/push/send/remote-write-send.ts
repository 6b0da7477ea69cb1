/**
 * Sends one batch until it is settled: each of its samples is stored by the receiver, or lost for a
 * reason that another attempt would not change.
 *
 * Samples are sent again after failures of the network and of the receiver, which is safe, since the
 * same sample twice is stored once. A batch that is refused is cut into halves again and again, so
 * that only bad samples are lost.
 */
import { compress } from 'snappyjs';
import { type Clock, everyTurn } from '../../clock.ts';
import {
  type Answer,
  judge,
  type Refusal,
  type RetryCause,
  type Verdict,
} from './remote-write-answer.ts';
import { type Batch, type BatchSample, halve } from './remote-write-batch.ts';
import { encodeBatch, type ProtocolVersion } from './remote-write-protobuf.ts';

/** One HTTP request. @throws {PostError} without a whole head of an answer */
export type Post = (
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<Answer>;

/** There was no answer. */
export class PostError extends Error {
  override readonly name = 'PostError';
  readonly failure: RetryCause;

  constructor(failure: RetryCause, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** What a receiver said, for the log. */
export interface Complaint {
  /** undefined: there was no answer. */
  readonly status: number | undefined;
  /** The beginning of the answer's body as it came, or the error of the network. */
  readonly text: string;
}

export interface SendObservers {
  readonly onSent: (samples: number) => void;
  readonly onLost: (samples: number, refusal: Refusal, complaint: Complaint) => void;
  readonly onRetry: (samples: number, cause: RetryCause, complaint: Complaint) => void;
  /** From now on protocol 1.0 is used. */
  readonly onFallback: (complaint: Complaint) => void;
}

export interface SenderOptions extends SendObservers {
  readonly post: Post;
  readonly version: ProtocolVersion;
  readonly userAgent: string;
  readonly clock: Clock;
  /** The wall clock in ms. */
  readonly wallMs: () => number;
  /** A number from 0 up to 1, for the jitter of pauses. */
  readonly random: () => number;
  /** Asked before each attempt. */
  readonly mayWrite: () => boolean;
}

const FIRST_PAUSE_MS = 30;
const MAX_PAUSE_MS = 5000;
/** Pauses vary by this share, so that replicas of many clients do not come back all at once. */
const JITTER = 0.1;
/** Bounds on the search for the bad samples of one batch. */
const MAX_REQUESTS = 256;
const MAX_REFUSED_IN_A_ROW = 64;
/** The bound after a batch of which nothing was taken: a receiver that refuses all is not besieged. */
const FRUITLESS_REFUSED_IN_A_ROW = 4;
/** After so many batches of which nothing was taken, one is searched as if there were none. */
const FRUITLESS_BATCHES = 16;
const TURN_MS = 3;

/** The headers of each protocol version: remote write 1.0 and 2.0, "Protocol". */
export const REMOTE_WRITE_HEADERS: Readonly<
  Record<ProtocolVersion, Readonly<Record<string, string>>>
> = {
  1: {
    'content-type': 'application/x-protobuf',
    'x-prometheus-remote-write-version': '0.1.0',
  },
  2: {
    'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
    'x-prometheus-remote-write-version': '2.0.0',
  },
};

/** What a request came to, other than a wish for another attempt. */
type Settled = Exclude<Verdict, { kind: 'retry' | 'older' | 'perhaps-older' }>;

interface Outcome {
  readonly verdict: Settled;
  readonly complaint: Complaint;
}

export class Sender {
  readonly #options: SenderOptions;
  #version: ProtocolVersion;
  /** Whether it is known that the receiver knows protocol 2.0, or that protocol 1.0 helps no more. */
  #isSure = false;
  /** The largest batch that the receiver takes, as far as it has said so. */
  #fits = Number.POSITIVE_INFINITY;
  /** How many batches in a row were refused as a whole. */
  #fruitless = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#version = options.version;
  }

  get version(): ProtocolVersion {
    return this.#version;
  }

  /**
   * @param onBad - called for each sample that is refused when it is sent alone, if others of its
   *   batch are stored
   * @returns what is not settled when `signal` aborts or writing is no longer allowed
   */
  async send(
    batch: Batch,
    signal: AbortSignal,
    onBad: (sample: BatchSample) => void,
  ): Promise<Batch | undefined> {
    const pieces = [batch];
    const maxRefused =
      this.#fruitless % FRUITLESS_BATCHES === 0 ? MAX_REFUSED_IN_A_ROW : FRUITLESS_REFUSED_IN_A_ROW;
    let requests = 0;
    let refusedInARow = 0;
    let isUseful = false;
    const bad: BatchSample[] = [];
    for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
      const { length } = piece.samples;
      if (length > this.#fits && length > 1) {
        pieces.unshift(...halve(piece));
        continue;
      }
      const outcome = await this.#settle(piece, signal);
      if (outcome === undefined) return join(piece, pieces);
      const { verdict, complaint } = outcome;
      requests += 1;
      if (verdict.kind !== 'split') {
        this.#count(length, verdict, complaint);
        if (verdict.kind === 'written') refusedInARow = 0;
        isUseful ||= verdict.kind === 'written' && verdict.count > 0;
        continue;
      }
      const { refusal } = verdict;
      refusedInARow += refusal === 'refused' ? 1 : 0;
      if (refusal === 'too_large') this.#fits = Math.max(1, length >> 1);
      const givesUp = requests >= MAX_REQUESTS || refusedInARow >= maxRefused;
      if (length === 1) bad.push(piece.samples[0]!);
      if (length > 1 && !givesUp) pieces.push(...halve(piece));
      else this.#options.onLost(length, refusal, complaint);
      if (givesUp) this.#abandon(pieces, refusal, complaint);
    }
    if (isUseful) for (const sample of bad) onBad(sample);
    if (isUseful) this.#fruitless = 0;
    else if (refusedInARow > 0) this.#fruitless += 1;
    return undefined;
  }

  /** One attempt to describe families, in the way of protocol 1.0; nothing is sent again. */
  async sendMetadata(message: Buffer, signal: AbortSignal): Promise<void> {
    if (!this.#options.mayWrite()) return;
    await this.#request(compress(message), 1, 0, signal);
  }

  #count(samples: number, verdict: Exclude<Settled, { kind: 'split' }>, complaint: Complaint) {
    const { onSent, onLost } = this.#options;
    if (verdict.kind === 'lost') return onLost(samples, verdict.refusal, complaint);
    if (verdict.count > 0) onSent(verdict.count);
    if (verdict.count < samples) onLost(samples - verdict.count, verdict.rest, complaint);
  }

  #abandon(pieces: Batch[], refusal: Refusal, complaint: Complaint): void {
    for (const { samples } of pieces.splice(0)) {
      this.#options.onLost(samples.length, refusal, complaint);
    }
  }

  /** Repeats the request of one piece until its answer says more than to try again. */
  async #settle(piece: Batch, signal: AbortSignal): Promise<Outcome | undefined> {
    const { clock, mayWrite, onRetry, onFallback } = this.#options;
    const samples = piece.samples.length;
    let attempt = 0;
    let version: ProtocolVersion = this.#version;
    let body = await this.#encode(piece, version);
    for (;;) {
      if (signal.aborted || !mayWrite()) return undefined;
      const { verdict, complaint } = await this.#attempt(body, version, {
        samples,
        attempt,
        signal,
      });
      if (verdict.kind === 'retry') {
        if (signal.aborted) return undefined;
        onRetry(samples, verdict.cause, complaint);
        await clock.sleep(this.#pauseMs(attempt, verdict.afterMs), signal);
        attempt += 1;
        if (version === this.#version) continue;
      } else if (verdict.kind === 'older' || (verdict.kind === 'perhaps-older' && !this.#isSure)) {
        if (verdict.kind === 'older') this.#fallBack(complaint, onFallback);
        version = 1;
        body = await this.#encode(piece, version);
        continue;
      } else if (verdict.kind === 'perhaps-older') {
        return { verdict: { kind: 'split', refusal: 'refused' }, complaint };
      } else {
        return { verdict: this.#learn(version, verdict, complaint), complaint };
      }
      version = this.#version; // another lane has found out meanwhile
      body = await this.#encode(piece, version);
    }
  }

  /**
   * Draws the conclusions from an answer.
   *
   * @param version - of the request
   * @returns what the answer means for the batch
   */
  #learn(version: ProtocolVersion, verdict: Settled, complaint: Complaint): Settled {
    if (version === 2) {
      this.#isSure ||= verdict.kind === 'written';
      return verdict;
    }
    if (this.#version === 1) return verdict;
    if (verdict.kind === 'written') {
      this.#fallBack(complaint, this.#options.onFallback);
      return verdict;
    }
    this.#isSure = true; // protocol 1.0 does not help: the receiver means the samples
    return { kind: 'split', refusal: 'refused' };
  }

  #fallBack(complaint: Complaint, onFallback: SendObservers['onFallback']): void {
    if (this.#version === 2) onFallback(complaint);
    this.#version = 1;
  }

  async #encode(piece: Batch, version: ProtocolVersion): Promise<Buffer> {
    return compress(await encodeBatch(piece, version, everyTurn(TURN_MS)));
  }

  async #attempt(
    body: Buffer,
    version: ProtocolVersion,
    { samples, attempt, signal }: { samples: number; attempt: number; signal: AbortSignal },
  ): Promise<{ readonly verdict: Verdict; readonly complaint: Complaint }> {
    try {
      const answer = await this.#request(body, version, attempt, signal);
      const verdict = judge(answer, version, samples, this.#options.wallMs());
      return { verdict, complaint: { status: answer.status, text: answer.text } };
    } catch (error) {
      if (!(error instanceof PostError)) throw error;
      const complaint = { status: undefined, text: error.message };
      return { verdict: { kind: 'retry', cause: error.failure, afterMs: 0 }, complaint };
    }
  }

  #request(
    body: Buffer,
    version: ProtocolVersion,
    attempt: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { post, userAgent } = this.#options;
    const headers = {
      ...REMOTE_WRITE_HEADERS[version],
      'content-encoding': 'snappy',
      'user-agent': userAgent,
      ...(attempt > 0 && { 'retry-attempt': String(attempt) }),
    };
    return post(body, headers, signal);
  }

  #pauseMs(attempt: number, afterMs: number): number {
    const backoffMs = Math.min(FIRST_PAUSE_MS * 2 ** attempt, MAX_PAUSE_MS);
    const jitter = 1 + JITTER * (2 * this.#options.random() - 1);
    return Math.max(backoffMs * jitter, afterMs);
  }
}

function join(piece: Batch, rest: readonly Batch[]): Batch {
  return { atMs: piece.atMs, samples: [piece, ...rest].flatMap(({ samples }) => samples) };
}
