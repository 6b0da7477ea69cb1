/**
 * Why an instance gave no page.
 *
 * The words are closed and stable: a metric label, a JSON field and a log field. `fetch/` gives
 * all but `not-metrics`, which only `merge/` can tell, and `ambiguous`, which `discover/` knows.
 *
 * | word | what happened |
 * |---|---|
 * | ambiguous | not asked: several instances claim its address, and nothing tells whose it is |
 * | moved | not asked: its address was given to another instance, or left the table, while it waited |
 * | refused | nothing listens at the address |
 * | unreachable | no connection within 2 s, no way to the host, no such host, or an address or route that no request can carry |
 * | no-descriptors | promgate has no file descriptor left for a connection
 * | timeout | no whole answer at the deadline; also when its turn had not come by then |
 * | tls-identity | its certificate is trusted but names another instance |
 * | tls | any other failed handshake: untrusted, expired, not TLS, our certificate refused, or not done within 2 s |
 * | redirect | sent elsewhere: to another address, more than 3 times, or nowhere that can be asked |
 * | status-4xx, status-5xx | answered so |
 * | status-other | any other status but 200 |
 * | not-http | the bytes are no HTTP response, not even for the lenient parser |
 * | too-large | a body over `scrape.max_body` (after decompression), headers over 16 KiB, more than 64 KiB on the wire before the body, or over `scrape.max_body` and 1 MiB on the wire at all |
 * | truncated | the connection or the gzip stream ended before the answer did |
 * | over-budget | `scrape.max_bytes` had no room for it |
 * | not-metrics, invalid | a page, but not of metrics, or with a line that Prometheus would refuse, or damaged gzip |
 * | aborted | the reader left, or promgate stops |
 */
export const FAILURES = [
  'ambiguous',
  'moved',
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
  'not-http',
  'too-large',
  'truncated',
  'over-budget',
  'not-metrics',
  'invalid',
  'aborted',
] as const;

export type Failure = (typeof FAILURES)[number];

const GONE: ReadonlySet<Failure> = new Set(['refused', 'unreachable', 'tls', 'tls-identity']);

/** Whether the expected instance is not at its address; gorouter prunes on these failures. */
export function isGone(failure: Failure): boolean {
  return GONE.has(failure);
}
