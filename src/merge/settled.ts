/**
 * The result of settling a merge, once all pages are added.
 */
import type { ExpositionError } from '../exposition/error.ts';
import type { FormatName } from '../exposition/grammar.ts';

/** The merge gave up a page because the time for merging is over. */
export class GivenUpError extends Error {
  override readonly name = 'GivenUpError';

  constructor() {
    super('no time was left to merge the page');
  }
}

/**
 * A page that the merge removed, and the reason: the conversion to text failed, the time was over,
 * or all pages together had too many families.
 */
export interface TakenOut {
  readonly place: number;
  readonly error: ExpositionError | GivenUpError;
}

/** The samples dropped from a page because earlier pages of its instance have the same series. */
export interface Duplicates {
  readonly place: number;
  /** The number of samples dropped; at least 1. */
  readonly samples: number;
}

export interface Settled {
  readonly format: FormatName;
  readonly takenOut: readonly TakenOut[];
  readonly duplicates: readonly Duplicates[];
  /** The number of samples whose timestamp was dropped because text cannot express it. */
  readonly undated: number;
}
