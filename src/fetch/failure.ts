/**
 * The words for why an instance gave no page.
 *
 * The words are a closed and stable set: a metric label, a JSON field and a log field hold them.
 * `fetch/` finds all failures but two: `merge/` finds `not-metrics`, `discover/` finds `ambiguous`.
 * `docs/app-pages.md` lists the bounds of `too-large`.
 *
 * | word | what happened |
 * |---|---|
 * | ambiguous | not asked: several instances claim the address, and no certificate decides |
 * | moved | not asked: the address left the table or got another instance while the fetch waited |
 * | refused | nothing listens at the address |
 * | unreachable | no connection within 2 s, no such host, or a malformed address, route or path |
 * | no-descriptors | promgate had no file descriptor left for a connection until the deadline |
 * | timeout | the answer was incomplete at the deadline, or the fetch had not begun |
 * | tls-identity | the certificate is trusted but names another instance |
 * | tls-client | the other side refused promgate's client certificate, or demands one |
 * | tls | any other failed handshake: no trust, no TLS, over 2 s |
 * | redirect | promgate does not follow it: to another address, the fourth, or no valid Location |
 * | status-4xx, status-5xx | the instance answered with such a status |
 * | status-other | the instance answered with a status other than 200, 3xx, 4xx and 5xx |
 * | not-http | the bytes are no HTTP response, even for the lenient parser |
 * | too-large | the page, its headers, its bytes on the wire or its families exceed a bound |
 * | truncated | the connection or the gzip stream ended before the page did |
 * | over-budget | `scrape.max_bytes` had no room for the page or its index |
 * | not-metrics | the answer is no page of metrics, and its Content-Type announces none |
 * | invalid | the page has a line that Prometheus would refuse, or its gzip is damaged |
 * | unknown-route | gorouter knows no such route, or no such instance of it |
 * | no-endpoints | gorouter has no instance for the route |
 * | endpoint-failure | gorouter could not reach the instance |
 * | router-refused | gorouter refused the request itself: its headers, or a host unlike the name in TLS |
 * | route-policy | gorouter's route policies do not let promgate ask the identity-aware route |
 * | route-path | not asked: the path is not below the path of any route of the app |
 * | port-unreachable | not asked: no way leads to the container port that the app's metrics are at |
 * | no-way | not asked: no way leads to the instance |
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
  'tls-client',
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
  'unknown-route',
  'no-endpoints',
  'endpoint-failure',
  'router-refused',
  'route-policy',
  'route-path',
  'port-unreachable',
  'no-way',
  'aborted',
] as const;

export type Failure = (typeof FAILURES)[number];

const GONE: ReadonlySet<Failure> = new Set(['refused', 'unreachable', 'tls', 'tls-identity']);

/** Whether the failure shows that the instance is not at its address. gorouter prunes on these. */
export function isGone(failure: Failure): boolean {
  return GONE.has(failure);
}
