/**
 * Why the connection to Redis is lost or cannot be made.
 */

/**
 * `unreachable`: no connection to the address. `tls`: one of both sides does not trust the other.
 * `auth`: user or password is wrong, or lacks a right. `refused`: the server answers with another
 * error. `timeout`: no answer in time. `flooded`: one message is larger than any of promgate.
 * `closed`: the server ended the connection. `internal`: a file of `redis.tls` cannot be read.
 */
export type ChannelFailure =
  | 'unreachable'
  | 'tls'
  | 'auth'
  | 'refused'
  | 'timeout'
  | 'flooded'
  | 'closed'
  | 'internal';

export const CHANNEL_FAILURES: readonly ChannelFailure[] = [
  ...(['unreachable', 'tls', 'auth', 'refused', 'timeout', 'flooded', 'closed'] as const),
  'internal',
];

/** There is no channel between the replicas at the moment. */
export class ChannelError extends Error {
  override readonly name = 'ChannelError';
  readonly failure: ChannelFailure;

  constructor(failure: ChannelFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** @param error - of the client library, of a socket, or one of ours */
export function channelError(error: unknown): ChannelError {
  if (error instanceof ChannelError) return error;
  const failure = failureOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return new ChannelError(failure, `Redis: ${message.slice(0, MAX_LENGTH)}`, { cause: error });
}

const MAX_LENGTH = 300;

/** The first words of error replies that tell of the account. */
const AUTH = /^(?:WRONGPASS|NOAUTH|NOPERM)\b|^ERR (?:invalid password|.*'auth' command)/i;

const TLS_CODE =
  /^ERR_(?:TLS|SSL)_|^(?:DEPTH_ZERO_)?SELF_SIGNED|^UNABLE_TO_|^CERT_|^EPROTO$|^HOSTNAME_MISMATCH$/;

/** Whether the server has answered with this error. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

function failureOf(error: unknown): ChannelFailure {
  if (!(error instanceof Error)) return 'refused';
  const code = 'code' in error ? String(error.code) : '';
  if (TLS_CODE.test(code)) return 'tls';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'closed';
  if (code === 'ETIMEDOUT') return 'timeout';
  if (/^(?:E[A-Z_]+|EAI_.*)$/.test(code) && 'syscall' in error) return 'unreachable';
  if (!isReply(error)) return 'closed';
  return AUTH.test(error.message) ? 'auth' : 'refused';
}
