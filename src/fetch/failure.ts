/**
 * Why an instance gave no page.
 *
 * The words are closed and stable: a metric label, a JSON field and a log field. `fetch/` gives
 * all but `not-metrics` and `invalid`, which only `merge/` can tell.
 *
 * | word | what happened |
 * |---|---|
 * | refused | nothing listens at the address |
 * | unreachable | no connection within 2 s, no way to the host, no such host, or an address or route that no request can carry |
 * | no-descriptors | promgate has no file descriptor left for a connection
 * | timeout | no whole answer at the deadline; also when its turn had not come by then |
 * | tls-identity | its certificate is trusted but names another instance |
 * | tls | any other failed handshake: untrusted, expired, not TLS, our certificate refused, or not done within 2 s |
 * | redirect | sent elsewhere: to another address, more than 3 times, or nowhere that can be asked |
 * | status-4xx, status-5xx | answered so |
 * | status-other | any other status but 200, an encoding not asked for, or something that is not HTTP |
 * | too-large | a body over `scrape.max_body` (after decompression), or headers over 16 KiB |
 * | truncated | the connection or the gzip stream ended before the answer did |
 * | over-budget | `scrape.max_bytes` had no room for it |
 * | not-metrics, invalid | a page, but not of metrics, or with a line that Prometheus would refuse |
 * | aborted | the reader left, or promgate stops |
 */
export const FAILURES = [
  'refused',
  'unreachable',
  'no-descriptors',
  'timeout',
  'tls-identity',
  'tls',
  'redirect',
  'status-4xx',
  'status-5xx',
  'status-other',
  'too-large',
  'truncated',
  'over-budget',
  'not-metrics',
  'invalid',
  'aborted',
] as const;

export type Failure = (typeof FAILURES)[number];
