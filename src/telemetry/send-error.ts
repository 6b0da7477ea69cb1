/**
 * Why events could not be sent.
 */

/**
 * `unreachable`: no connection to a broker. `tls`: one of both sides does not trust the other.
 * `auth`: the account is wrong, or lacks a right. `topic`: the topic does not exist. `refused`: the
 * brokers do not take these events. `timeout`: no answer in time. `away`: the brokers answer, but
 * cannot take events now. `crashed`: the client failed. `internal`: a file of `kafka.tls` cannot be
 * read.
 */
export type SendFailure =
  | 'unreachable'
  | 'tls'
  | 'auth'
  | 'topic'
  | 'refused'
  | 'timeout'
  | 'away'
  | 'crashed'
  | 'internal';

export const SEND_FAILURES: readonly SendFailure[] = [
  ...(['unreachable', 'tls', 'auth', 'topic', 'refused', 'timeout', 'away', 'crashed'] as const),
  'internal',
];

/** Events were not sent. */
export class SendError extends Error {
  override readonly name = 'SendError';
  readonly failure: SendFailure;

  constructor(failure: SendFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

export function sendError(error: unknown): SendError {
  if (error instanceof SendError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SendError('crashed', message, { cause: error });
}
