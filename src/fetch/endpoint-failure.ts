/**
 * Why an endpoint of `?endpoint=` gave no page.
 *
 * The words are closed and stable: a metric label, a JSON field and a log field.
 *
 * | word | what happened |
 * |---|---|
 * | bad_url | the URL cannot be read, or holds a user name or a character that no URL may hold |
 * | url_too_long | the URL and its query have more than 8 KiB |
 * | denied_scheme | the URL is neither http nor https |
 * | denied_port | the port is one that browsers block, or that of a data store |
 * | denied_address | `endpoints.allow` does not name the endpoint, `endpoints.deny` names it, or an address is not public and not in `endpoints.allow_private` |
 * | denied_loop | the endpoint is promgate itself, or asks promgate for its own page |
 * | too_many_jobs | `cache.max_jobs` endpoints are kept warm already |
 * | overloaded | no room in memory, or no file descriptor |
 * | upstream_dns | the name has no address, or the name server does not answer |
 * | upstream_unreachable | nothing listens at the addresses, or no connection within 2 s |
 * | upstream_tls | a failed handshake: an untrusted certificate, or that of another name |
 * | upstream_redirects | a redirect to another address, or more than 3 |
 * | upstream_status | any other status than 200 |
 * | upstream_truncated | the answer ended before its announced end, or is no HTTP or damaged gzip |
 * | body_too_large | more than `endpoints.max_body` after decompression, or too many headers |
 * | not_metrics | a page of another type than metrics |
 * | upstream_timeout | no whole answer at the deadline |
 */
import type { Failure } from './failure.ts';

export const ENDPOINT_FAILURES = [
  'bad_url',
  'url_too_long',
  'denied_scheme',
  'denied_port',
  'denied_address',
  'denied_loop',
  'too_many_jobs',
  'overloaded',
  'upstream_dns',
  'upstream_unreachable',
  'upstream_tls',
  'upstream_redirects',
  'upstream_status',
  'upstream_truncated',
  'body_too_large',
  'not_metrics',
  'upstream_timeout',
] as const;

export type EndpointFailure = (typeof ENDPOINT_FAILURES)[number];

/** Found before anything is asked: a fetch never ends with one of these. */
const BEFORE: ReadonlySet<EndpointFailure> = new Set<EndpointFailure>([
  ...(['bad_url', 'url_too_long', 'denied_scheme', 'denied_port', 'too_many_jobs'] as const),
]);

/** What a fetch may end with. */
export const FETCH_FAILURES: readonly EndpointFailure[] = ENDPOINT_FAILURES.filter(
  (failure) => !BEFORE.has(failure),
);

/** Refusals of promgate: nothing was asked. */
export type EndpointRefusal = Exclude<
  EndpointFailure,
  `upstream_${string}` | 'overloaded' | 'body_too_large' | 'not_metrics'
>;

/** An endpoint that promgate does not ask. */
export class EndpointRefusedError extends Error {
  override readonly name = 'EndpointRefusedError';
  readonly refusal: EndpointRefusal;

  /** @param why - for the reader: what was wrong, and what to do */
  constructor(refusal: EndpointRefusal, why: string) {
    super(why);
    this.refusal = refusal;
  }
}

const OF_FETCH: Readonly<Record<Failure, EndpointFailure>> = {
  ambiguous: 'upstream_unreachable',
  moved: 'upstream_unreachable',
  refused: 'upstream_unreachable',
  unreachable: 'upstream_unreachable',
  'no-descriptors': 'overloaded',
  timeout: 'upstream_timeout',
  'tls-identity': 'upstream_tls',
  'tls-client': 'upstream_tls',
  tls: 'upstream_tls',
  redirect: 'upstream_redirects',
  'status-4xx': 'upstream_status',
  'status-5xx': 'upstream_status',
  'status-other': 'upstream_status',
  'not-http': 'upstream_truncated',
  'too-large': 'body_too_large',
  truncated: 'upstream_truncated',
  'over-budget': 'overloaded',
  'not-metrics': 'not_metrics',
  invalid: 'upstream_truncated',
  'unknown-route': 'upstream_unreachable',
  'no-endpoints': 'upstream_unreachable',
  'endpoint-failure': 'upstream_unreachable',
  'router-refused': 'upstream_unreachable',
  'route-policy': 'upstream_unreachable',
  'route-path': 'upstream_unreachable',
  'port-unreachable': 'upstream_unreachable',
  'no-way': 'upstream_unreachable',
  aborted: 'upstream_timeout',
};

/** The word for an endpoint of what is called `failure` for an instance. */
export function endpointFailure(failure: Failure): EndpointFailure {
  return OF_FETCH[failure];
}
