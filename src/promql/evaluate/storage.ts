/**
 * The port to whatever keeps the samples: memory, a file, or other servers.
 */
import type { Histogram } from './histogram.ts';

/** How a selector compares a label's value. */
export interface Matcher {
  readonly name: string;
  readonly op: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

/** The samples asked for: those after `afterMs`, up to and including `untilMs`. */
export interface TimeRange {
  readonly afterMs: number;
  readonly untilMs: number;
}

/** What the evaluation will do with the samples; a storage may use these to send less. */
export interface SelectHints {
  /** The function or aggregation that reads the selector, '' if there is none. */
  readonly function: string;
  /** The distance between two steps; 0 for one step. */
  readonly stepMs: number;
  /** The length of a range selector; 0 for an instant one. */
  readonly rangeMs: number;
}

/** The samples of one series in the order of their times. */
export interface SeriesBlock {
  /** Names and values in any order; no name twice. */
  readonly labels: readonly (readonly [string, string])[];
  readonly timesMs: Float64Array;
  /** The stale marker has its own bits; see `stale.ts`. Where there is a histogram, the number is not read. */
  readonly values: Float64Array;
  /** Histograms by the index of their sample. */
  readonly histograms?: readonly (Histogram | undefined)[];
  /** When the counter began to count, by the index of the sample; 0 where that is unknown. */
  readonly startTimesMs?: Float64Array;
}

/**
 * Counts samples as they arrive, so that a storage ends before it holds more than an evaluation may.
 *
 * @throws {EvaluationError} at the limit; the storage lets the error pass, and stops
 */
export type SampleCounter = (samples: number) => void;

/** Where the samples come from. */
export interface Storage {
  /**
   * The series that match, with their samples in the range (more samples than asked for do no harm).
   *
   * Each label set occurs once. A rejected promise ends the evaluation with its message.
   *
   * @param signal - aborted when nobody waits for the samples any more
   * @param count - to be told of samples while they arrive, each once; those that were not told are counted at the end
   */
  select(
    matchers: readonly Matcher[],
    range: TimeRange,
    hints: SelectHints,
    signal?: AbortSignal,
    count?: SampleCounter,
  ): Promise<readonly SeriesBlock[]>;
}
