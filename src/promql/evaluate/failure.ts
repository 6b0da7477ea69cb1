/**
 * Why an evaluation gave no answer.
 */

/** The kinds of failure; the HTTP surface gives each its status. */
export type EvaluationFailure = 'execution' | 'timeout' | 'canceled';

/** An expression could not be evaluated. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
  readonly failure: EvaluationFailure;

  constructor(message: string, failure: EvaluationFailure = 'execution', options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
