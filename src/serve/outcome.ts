/**
 * How the pages did that were asked for, and who is told of it.
 */
import type { AppIdentity, Instance } from '../discover/instance.ts';
import type { Failure } from '../fetch/failure.ts';
import { type Duplicates, GivenUpError, type TakenOut } from '../merge/settled.ts';
import type { AskedPage } from './asked-pages.ts';

/** Told when all have answered. Must not throw. */
export interface AppPageObservers {
  readonly onOutcomes?: (outcomes: readonly Outcome[]) => void;
  readonly onTypeConflicts?: (count: number) => void;
  /** Samples that spoke in promgate's name. */
  readonly onDroppedSamples?: (count: number) => void;
  /** Samples that the app's bindings do not want. */
  readonly onFilteredSamples?: (count: number) => void;
  /** Samples of series that an earlier page of the same instance gave. */
  readonly onDuplicateSamples?: (count: number) => void;
  /** Samples of OpenMetrics whose timestamp text cannot say: they go without it. */
  readonly onUndatedSamples?: (count: number) => void;
}

/** How one page of an instance, or an exporter, did. */
export interface Outcome {
  readonly app: AppIdentity;
  /** Undefined for an external exporter. */
  readonly instance: Instance | undefined;
  /** The request target asked. */
  readonly path: string;
  readonly durationSeconds: number;
  readonly bytes: number;
  /** Of those in the merged page. */
  readonly samples: number;
  readonly failure: Failure | undefined;
  /** The HTTP status, where that is why it failed. */
  readonly status: number | undefined;
  /** For the log: what is wrong with the page, or what broke it. */
  readonly detail: string | undefined;
}

export function notAsked(
  { app, instance, target: { path } }: AskedPage,
  failure: Failure,
): Outcome {
  return {
    ...{ app, instance, path, durationSeconds: 0, bytes: 0, samples: 0 },
    ...{ failure, status: undefined, detail: 'several instances claim its address' },
  };
}

/** @returns the outcome of a page that was taken out of the merge again */
export function takenOutcome(outcome: Outcome, { error }: TakenOut, signal: AbortSignal): Outcome {
  return failed(outcome, takenOutFailure(error, signal), error.message);
}

function takenOutFailure(error: TakenOut['error'], signal: AbortSignal): Failure {
  if (error instanceof GivenUpError) return lateFailure(signal);
  return error.kind === 'too-large' ? 'too-large' : 'invalid';
}

/** Why a page whose turn came too late was not merged. */
export function lateFailure(signal: AbortSignal): Failure {
  return signal.aborted ? 'aborted' : 'timeout';
}

/** Duplicates are found once all pages are in, when their samples are counted already. */
export function takeOff(
  outcomes: Outcome[],
  duplicates: readonly Duplicates[],
  { onDuplicateSamples }: AppPageObservers,
): void {
  let sum = 0;
  for (const { place, samples } of duplicates) {
    const outcome = outcomes[place]!; // the merge names places that it was given
    outcomes[place] = { ...outcome, samples: outcome.samples - samples };
    sum += samples;
  }
  onDuplicateSamples?.(sum);
}

export function failed(outcome: Outcome, failure: Failure, detail: string): Outcome {
  return { ...outcome, samples: 0, failure, detail };
}
