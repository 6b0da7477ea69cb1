/**
 * Why a federation gave no answer.
 */

/** The kinds of failure. */
export type FederationFailure =
  /** No server of a group that is needed has answered. */
  | 'group'
  /** The answer would be larger than allowed. */
  | 'too-many'
  /** The reader has left, or its time is over. */
  | 'canceled';

/** A federation gave no answer. */
export class FederationError extends Error {
  override readonly name = 'FederationError';
  readonly failure: FederationFailure;

  constructor(failure: FederationFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
