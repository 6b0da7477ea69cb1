/**
 * What one evaluation may use: samples held at a time, processor time without a pause, and time until its deadline.
 */
import { EvaluationError } from './failure.ts';

/** How long an evaluation may run before others get their turn. */
const TURN_MS = 4;
/** After so much work the clock is read: a unit is about 20 ns, which is less than reading the clock takes. */
const CLOCK_WORK = 4096;
/**
 * No expression is evaluated at more steps, whatever the limit of samples is: a row of all steps is computed without a pause.
 * A subquery over 30 days with a step of a second is below.
 */
const MAX_STEPS = 1 << 22;
/** The work of making, comparing or looking up a label set. */
export const LABELS_WORK = 32;

/** What an evaluation is held to. */
export interface Limits {
  /** How many samples may be held at a time. */
  readonly maxSamples: number;
  /**
   * How many samples the storage may give for all selectors together; `maxSamples` by default. A series weighs as much as
   * some samples, by the length of its labels, and a histogram by its buckets, so that this is a bound of memory: 16 bytes each.
   */
  readonly maxLoadedSamples?: number;
  /** Aborts the evaluation; an abort with a `TimeoutError` counts as a timeout. */
  readonly signal?: AbortSignal;
}

/** The samples that an evaluation holds, and the turns that it gives to others. */
export class Budget {
  readonly #maxSamples: number;
  readonly #maxLoaded: number;
  readonly #signal: AbortSignal | undefined;
  #loaded = 0;
  #read = 0;
  #samples = 0;
  #peak = 0;
  #turnStartedMs = performance.now();
  #work = 0;

  constructor({ maxSamples, maxLoadedSamples = maxSamples, signal }: Limits) {
    this.#maxSamples = maxSamples;
    this.#maxLoaded = maxLoadedSamples;
    this.#signal = signal;
  }

  /** How many samples the storage has given. */
  get samplesRead(): number {
    return this.#read;
  }

  /** @throws {EvaluationError} if the storage has given more than the limit allows */
  load(samples: number): void {
    this.#read += samples;
    this.loadWeight(samples);
  }

  /** Counts what weighs as much as so many samples. */
  loadWeight(samples: number): void {
    this.#loaded += samples;
    if (this.#loaded > this.#maxLoaded) throw tooManySamples();
  }

  /** The largest number of samples held at any moment. */
  get peakSamples(): number {
    return this.#peak;
  }

  /** @throws {EvaluationError} if more samples are held than the limit allows */
  hold(samples: number): void {
    this.#samples += samples;
    this.#peak = Math.max(this.#peak, this.#samples);
    if (this.#samples > this.#maxSamples) throw tooManySamples();
  }

  /** @throws {EvaluationError} if a single series of so many steps would be beyond the limit, or take too long */
  checkSteps(steps: number): void {
    if (steps > Math.min(this.#maxSamples, MAX_STEPS)) throw tooManySamples();
  }

  /** Holds the samples of a row. A row that is nearly empty takes its memory too, and counts as half full. */
  holdRow(samples: number, steps: number): void {
    if (samples > 0) this.hold(Math.max(samples, steps >> 1));
  }

  release(samples: number): void {
    this.#samples -= samples;
  }

  /** How many samples are held now; hand the figure to {@link reset} to free what came later. */
  mark(): number {
    return this.#samples;
  }

  reset(mark: number): void {
    this.#samples = mark;
  }

  /**
   * Whether the turn is over: then await {@link giveTurn}.
   *
   * @param work - what was done since the last call, in cells that were read or written; without it the clock is read
   */
  turnIsOver(work = CLOCK_WORK): boolean {
    this.#work += work;
    if (this.#work < CLOCK_WORK) return false;
    this.#work = 0;
    return performance.now() - this.#turnStartedMs > TURN_MS;
  }

  /** Lets other work run, and ends the evaluation if its signal was aborted meanwhile. */
  async giveTurn(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.#turnStartedMs = performance.now();
    this.check();
  }

  /** @throws {EvaluationError} if the signal was aborted, by a timeout or by the reader */
  check(): void {
    if (this.#signal?.aborted !== true) return;
    const reason: unknown = this.#signal.reason;
    const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
    throw timedOut
      ? new EvaluationError('query timed out in expression evaluation', 'timeout')
      : new EvaluationError('query was canceled in expression evaluation', 'canceled');
  }
}

function tooManySamples(): EvaluationError {
  return new EvaluationError(
    'query processing would load too many samples into memory in query execution',
  );
}
