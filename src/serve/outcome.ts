/**
 * The outcomes of the pages that a scrape asked for, and the observers that get them.
 */
import type { AppIdentity } from '../discover/app-identity.ts';
import type { Instance } from '../discover/instance.ts';
import type { Failure } from '../fetch/failure.ts';
import type { Via } from '../fetch/way.ts';
import { type Duplicates, GivenUpError, type TakenOut } from '../merge/settled.ts';
import type { AskedPage } from './asked-pages.ts';

/** Called when all pages have been answered, or while they are merged. Must not throw. */
export interface AppPageObservers {
  /** The outcomes of all pages, once each page is final. */
  readonly onOutcomes?: (outcomes: readonly Outcome[]) => void;
  /** Families in conflict: pages declare different types for them. */
  readonly onTypeConflicts?: (count: number) => void;
  /** Samples dropped because they have the name of one of promgate's own families. */
  readonly onDroppedSamples?: (count: number) => void;
  /** Samples dropped by the name filter of the app's bindings. */
  readonly onFilteredSamples?: (count: number) => void;
  /** Samples dropped because an earlier page of the same instance has the same series. */
  readonly onDuplicateSamples?: (count: number) => void;
  /** Samples of OpenMetrics that lost their timestamp because text cannot express it. */
  readonly onUndatedSamples?: (count: number) => void;
}

/** The outcome of one page of an instance or of an external exporter. */
export interface Outcome {
  readonly app: AppIdentity;
  /** Undefined for an external exporter. */
  readonly instance: Instance | undefined;
  /** The request target that was asked for. */
  readonly path: string;
  readonly durationSeconds: number;
  readonly bytes: number;
  /** How many of its samples are in the merged page. */
  readonly samples: number;
  readonly failure: Failure | undefined;
  /** The HTTP status of a failed answer, if it had one. */
  readonly status: number | undefined;
  /** For the log: why there is no page, or what is wrong with it. */
  readonly detail: string | undefined;
  /** What to do about the failure, if the way to the instance tells it. */
  readonly advice?: string | undefined;
  /** The way by which the page was asked for; undefined if there was no choice. */
  readonly via?: Via | undefined;
}

/** The outcome of a page that was not asked for. */
export function notAsked(
  { app, instance, target: { path } }: AskedPage,
  failure: Failure,
  advice?: string,
): Outcome {
  const why = failure === 'ambiguous' ? 'several instances claim its address' : undefined;
  return {
    ...{ app, instance, path, durationSeconds: 0, bytes: 0, samples: 0 },
    ...{ failure, status: undefined, detail: why, advice },
  };
}

/** The outcome of a page that the merge has removed. */
export function takenOutcome(outcome: Outcome, { error }: TakenOut, signal: AbortSignal): Outcome {
  return failed(outcome, takenOutFailure(error, signal), error.message);
}

function takenOutFailure(error: TakenOut['error'], signal: AbortSignal): Failure {
  if (error instanceof GivenUpError) return lateFailure(signal);
  return error.kind === 'too-large' ? 'too-large' : 'invalid';
}

/** The failure of a page that arrived but could not be merged in time. */
export function lateFailure(signal: AbortSignal): Failure {
  return signal.aborted ? 'aborted' : 'timeout';
}

/** Subtracts duplicate samples, which the merge drops after they were counted. */
export function takeOff(
  outcomes: Outcome[],
  duplicates: readonly Duplicates[],
  { onDuplicateSamples }: AppPageObservers,
): void {
  let sum = 0;
  for (const { place, samples } of duplicates) {
    const outcome = outcomes[place]!; // the merge names places of these outcomes
    outcomes[place] = { ...outcome, samples: outcome.samples - samples };
    sum += samples;
  }
  onDuplicateSamples?.(sum);
}

export function failed(outcome: Outcome, failure: Failure, detail: string): Outcome {
  return { ...outcome, samples: 0, failure, detail };
}
