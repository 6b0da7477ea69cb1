/**
 * Why a server gave no answer, or none that can be used.
 */

/** The kinds of failure; labels of metrics and fields of answers. */
export type TargetFailure =
  /** No connection: refused, no route, no such name. */
  | 'connect'
  | 'tls'
  /** A secret, a certificate or a token could not be read or fetched. */
  | 'credentials'
  /** The server refused who asks: 401 or 403. */
  | 'auth'
  /** 404 or 405: the path is none of a Prometheus. */
  | 'not-found'
  /** 400: the server takes the request for wrong. */
  | 'bad-data'
  /** 422: the server could not evaluate the query. */
  | 'execution'
  /** 429 or 503: the server is overloaded or starts. */
  | 'unavailable'
  /** Any other status that is no success. */
  | 'status'
  /** No head, or no further bytes, in time; or the server itself had no time left. */
  | 'timeout'
  /** The connection ended before the answer did. */
  | 'truncated'
  /** The bytes break their format, or a checksum is wrong. */
  | 'corrupt'
  /** The answer is none of a Prometheus. */
  | 'not-prometheus'
  /** More series, samples or bytes than a query may read. */
  | 'too-big'
  /** The answer is not wanted any more. */
  | 'aborted';

/** What an operator can do about each. */
const ADVICE: Readonly<Record<TargetFailure, string>> = {
  connect: 'check its address, and that it runs',
  tls: 'check the certificates of both sides and the server name',
  credentials: 'check the files and the token endpoint of http_client',
  auth: 'check the credentials of http_client',
  'not-found': 'check path_prefix and remote_read_path, and that it is a Prometheus',
  'bad-data': 'check the query',
  execution: 'check the query, and the limits of this server',
  unavailable: 'it is overloaded or starts: try again',
  status: 'see its log',
  timeout: 'raise the timeout, ask for less, or see whether it is overloaded',
  truncated: 'it was restarted, or a proxy cut the answer: try again',
  corrupt: 'the bytes were changed on their way, or its storage is damaged',
  'not-prometheus': 'check its address: something else answers there',
  'too-big': 'ask for fewer series or a shorter range, or raise the bound',
  aborted: 'nothing: nobody waits for it any more',
};

/** One server gave no answer; others may have. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
  readonly failure: TargetFailure;
  /** What happened, without the server's name and without advice. */
  readonly what: string;

  constructor(failure: TargetFailure, server: string, what: string, options?: ErrorOptions) {
    super(`${server}: ${what} (${failure}: ${ADVICE[failure]})`, options);
    this.failure = failure;
    this.what = what;
  }
}

/** Whether another attempt, or another replica, may succeed where this one failed. */
export function mayRetry(failure: TargetFailure): boolean {
  return !['aborted', 'bad-data', 'execution', 'too-big'].includes(failure);
}
