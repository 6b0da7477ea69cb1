/**
 * What one evaluation may use: samples held at a time, processor time without a pause, and time until its deadline.
 */
import { EvaluationError } from './failure.ts';

/** How long an evaluation may run before others get their turn. */
const TURN_MS = 5;

/** The samples that an evaluation holds, and the turns that it gives to others. */
export class Budget {
  readonly #maxSamples: number;
  readonly #signal: AbortSignal | undefined;
  #samples = 0;
  #peak = 0;
  #turnStartedMs = performance.now();

  constructor(maxSamples: number, signal: AbortSignal | undefined) {
    this.#maxSamples = maxSamples;
    this.#signal = signal;
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

  /** @throws {EvaluationError} if a single series of so many steps would be beyond the limit */
  checkSteps(steps: number): void {
    if (steps > this.#maxSamples) throw tooManySamples();
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

  /** Whether the turn is over: then await {@link giveTurn}. Cheap enough for each series. */
  turnIsOver(): boolean {
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
