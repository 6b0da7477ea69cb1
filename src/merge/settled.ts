/**
 * What is known once all pages of a merge are in: what was taken out, and why.
 */
import type { ExpositionError } from '../exposition/error.ts';
import type { FormatName } from '../exposition/grammar.ts';

/** A page was not merged, since nobody waits for it any more. */
export class GivenUpError extends Error {
  override readonly name = 'GivenUpError';

  constructor() {
    super('no time was left to merge it');
  }
}

/**
 * Pages taken out of a merge, and why: text cannot say them, they were given up, or they are those
 * that name too many families for the merge.
 */
export interface TakenOut {
  readonly place: number;
  readonly error: ExpositionError | GivenUpError;
}

/** Samples dropped from a page, since earlier pages of the instance give their series. */
export interface Duplicates {
  readonly place: number;
  readonly samples: number;
}

export interface Settled {
  readonly format: FormatName;
  readonly takenOut: readonly TakenOut[];
  readonly duplicates: readonly Duplicates[];
  /** Samples whose timestamp was left out, since text cannot say it. */
  readonly undated: number;
}
