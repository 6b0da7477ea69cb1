/**
 * The section `scrape`: how promgate asks instances.
 */
import { clientTls } from './credentials.ts';
import {
  choice,
  duration,
  flag,
  optional,
  section,
  size,
  text,
  url,
  wholeNumber,
  withDefault,
} from './setting.ts';

/** Whether `low` is at most `high`; true if either is not a number. */
function notAbove(low: unknown, high: unknown): boolean {
  return typeof low !== 'number' || typeof high !== 'number' || low <= high;
}

export const scrape = section(
  'How promgate asks instances.',
  {
    timeout: withDefault(
      duration('Deadline of a scrape whose reader states none.', { minMs: 100, maxMs: 3_600_000 }),
      '30s',
    ),
    max_timeout: withDefault(
      duration('Longest deadline that a reader may state.', { minMs: 100, maxMs: 3_600_000 }),
      '60s',
    ),
    concurrency: withDefault(
      wholeNumber('Instances asked at once, by all scrapes together.', { min: 1, max: 65_535 }),
      512,
    ),
    per_app: withDefault(
      wholeNumber('Instances asked at once for one app.', { min: 1, max: 65_535 }),
      128,
    ),
    max_idle: withDefault(
      wholeNumber(
        'Connections to instances kept open between scrapes; beyond it the one idle for longest closes. Fewer than the instances scraped means a new connection for most fetches.',
        { min: 0, max: 1_000_000 },
      ),
      8192,
    ),
    max_requests: withDefault(
      wholeNumber(
        'Requests for app pages under way at once; a single tenant, or with auth.mode open a single address, may have half of them. promgate answers further ones with 503.',
        { min: 2, max: 1_000_000 },
      ),
      4096,
    ),
    max_body: withDefault(
      size('Largest page of one instance, after decompression.', {
        minBytes: 1024,
        maxBytes: 2 ** 28, // an index stores four times an offset in 32 bits
      }),
      '16MiB',
    ),
    max_bytes: optional(
      size('Bytes of pages in flight at once; without it a quarter of the memory limit.', {
        minBytes: 1024,
        maxBytes: 2 ** 40,
      }),
    ),
    label_conflict: withDefault(
      choice("What happens to an app's own label that promgate sets too.", [
        'exported',
        'drop',
        'honor',
      ]),
      'exported',
    ),
    export_job: withDefault(
      flag("Rename an app's own job label to exported_job, since readers use honor_labels."),
      true,
    ),
    plain_credentials: withDefault(
      flag(
        "Send a reader's Authorization and the headers of bindings also to endpoints without TLS, which cannot prove their identity.",
      ),
      true,
    ),
    loop_id: optional(
      text(
        'Name in the loop guard header, the same for all replicas; without it the id of the CF app, or promgate.',
        {
          allowed: 'letters, digits, dots, dashes and underscores, at most 64',
          pattern: /^[A-Za-z0-9._-]{1,64}$/,
        },
      ),
    ),
    via: withDefault(
      choice('The way to the instances; auto tries the ways that are possible, in this order.', [
        'auto',
        'direct',
        'gorouter',
        'identity',
        'internal',
      ]),
      'auto',
    ),
    router: optional(
      url(
        'Where requests through gorouter go, whatever their route; by default to the address of routes.cf_api, if that has TLS.',
        ['http', 'https'],
      ),
    ),
    router_knows_processes: optional(
      flag(
        'The gorouter heeds X-CF-PROCESS-INSTANCE (routing-release 0.332.0 and later): right instances also during rolling deploys; without it promgate asks the router.',
      ),
    ),
    identity_router: optional(
      url(
        'Where requests by identity-aware routes go; without it to the host of each route, port 443.',
        ['https'],
      ),
    ),
    internal_tls: withDefault(
      flag('Ask by internal routes with TLS, at port 61443, and not with http.'),
      false,
    ),
    tls: clientTls('TLS to the instances.'),
  },
  [
    {
      key: 'timeout',
      holds: ({ timeout, max_timeout }) => notAbove(timeout, max_timeout),
      otherwise: 'must be at most scrape.max_timeout',
    },
    {
      key: 'max_bytes',
      holds: ({ max_bytes, max_body }) => notAbove(max_body, max_bytes),
      otherwise: 'must be at least scrape.max_body',
    },
  ],
);
