/**
 * Every key of the configuration: its type, standard value and one sentence on what it does.
 *
 * `docs/configuration.md` is printed from here, and so are the names of the environment variables.
 * The keys are the file's (`max_timeout`); `../config.ts` gives them the names the program uses.
 */
import type { z } from 'zod';
import { broker, database, hasAccounts, uniqueAccounts } from './broker.ts';
import { clientTls, isEmpty, password, username } from './credentials.ts';
import { routes } from './routes.ts';
import {
  choice,
  duration,
  file,
  flag,
  list,
  network,
  optional,
  section,
  size,
  standard,
  standardSection,
  text,
  textLists,
  wholeNumber,
} from './setting.ts';

const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$/;
const ADDRESS =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/** The words of Promfetcher's placeholders: `{{.AppID}}`, blanks around the name allowed. */
const TAGS =
  'AppID|AppName|SpaceID|SpaceName|OrganizationID|OrganizationName|SourceID|ProcessType|ProcessID|ProcessInstanceID|InstanceID|Component';

/** Texts with placeholders; nothing else may stand between double braces. */
const TEMPLATE = new RegExp(`^(?:(?!\\{\\{)[^\\p{Cc}]|\\{\\{\\s*\\.(?:${TAGS})\\s*\\}\\})*$`, 'u');

/** What stands between double braces, without its blanks, if it is no placeholder that is known. */
export const WRONG_TAG = new RegExp(`^(?!\\.(?:${TAGS})$)`);

/** Compares what `before` and `after` are, if both are numbers. */
function notAbove(before: unknown, after: unknown): boolean {
  return typeof before !== 'number' || typeof after !== 'number' || before <= after;
}

const listen = section(
  'Where promgate listens.',
  {
    host: standard(
      text('Address to listen on.', { allowed: 'a host name or IP address', pattern: HOST }),
      '0.0.0.0',
    ),
    port: standard(
      wholeNumber('Port to listen on; 0 takes any free one.', { min: 0, max: 65_535 }),
      8085,
    ),
    tls: optional(
      section('Listening with TLS; the files are read again when they change.', {
        cert: file('Certificate chain of the server, PEM.', 'certificate'),
        key: file('Key of that certificate, PEM.', 'key'),
        client_ca: optional(
          file('Certificates that sign the clients; with it clients need one.', 'certificate'),
        ),
      }),
    ),
    health_port: optional(
      wholeNumber('Plain HTTP port for load balancers: answers any path as /readyz does.', {
        min: 0,
        max: 65_535,
      }),
    ),
    max_connections: standard(
      wholeNumber(
        'Connections open at once; for a further one that idle longest is closed, or the new one where none idles.',
        { min: 1, max: 1e6 },
      ),
      4096,
    ),
  },
  [
    {
      key: 'health_port',
      holds: ({ port, health_port }) =>
        typeof port !== 'number' || port === 0 || health_port !== port,
      otherwise: 'must be another port than listen.port',
    },
  ],
);

const scrape = section(
  'How instances are asked.',
  {
    timeout: standard(
      duration('Deadline of a scrape whose reader states none.', { minMs: 100, maxMs: 3_600_000 }),
      '30s',
    ),
    max_timeout: standard(
      duration('Longest deadline that a reader may state.', { minMs: 100, maxMs: 3_600_000 }),
      '60s',
    ),
    concurrency: standard(
      wholeNumber('Instances asked at once, by all scrapes together.', { min: 1, max: 65_535 }),
      512,
    ),
    per_app: standard(
      wholeNumber('Instances asked at once for one app.', { min: 1, max: 65_535 }),
      128,
    ),
    max_requests: standard(
      wholeNumber(
        'Requests for app pages under way at once; of one tenant, or of one address where nobody is asked who it is, half of it. Beyond: 503.',
        { min: 2, max: 1_000_000 },
      ),
      4096,
    ),
    max_body: standard(
      size('Largest page of one instance, after decompression.', {
        minBytes: 1024,
        maxBytes: 2 ** 28, // an index keeps offsets times four in 32 bits
      }),
      '16MiB',
    ),
    max_bytes: optional(
      size('Bytes of pages in flight at once; without it a quarter of the memory limit.', {
        minBytes: 1024,
        maxBytes: 2 ** 40,
      }),
    ),
    label_conflict: standard(
      choice("What becomes of an app's own label that promgate sets too.", [
        'exported',
        'drop',
        'honor',
      ]),
      'exported',
    ),
    export_job: standard(
      flag("Rename an app's own job label to exported_job, since readers use honor_labels."),
      true,
    ),
    plain_credentials: standard(
      flag(
        "Send a reader's Authorization and the headers of bindings to endpoints without TLS too, which nothing identifies.",
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

const exporter = section('One exporter that is asked for every app.', {
  name: optional(
    text('Its name in labels; without it host and path.', {
      allowed: 'a text without control characters, at most 256 long',
      pattern: /^[^\p{Cc}]{1,256}$/u,
    }),
  ),
  host: text('Its address.', { allowed: 'a host or host:port', pattern: ADDRESS }),
  metrics_path: standard(
    text('Path of its page.', {
      allowed: 'a path that begins with one /, of ASCII without blanks, # and backslashes',
      pattern: /^\/(?!\/)[\x21\x22\x24-\x5b\x5d-\x7e]*$/,
    }),
    '/metrics',
  ),
  scheme: standard(choice('How it is asked.', ['http', 'https']), 'http'),
  params: standard(
    textLists(
      'Query parameters, each a list of values; {{.AppID}}, {{.AppName}}, … are filled in.',
      {
        allowed:
          'a text in which {{ }} holds one of .AppID, .AppName, .SpaceID, .SpaceName, .OrganizationID, .OrganizationName, .SourceID, .ProcessType, .ProcessID, .ProcessInstanceID, .InstanceID, .Component',
        pattern: TEMPLATE,
      },
    ),
    {},
  ),
});

const auth = section(
  'Who may read.',
  {
    mode: standard(
      choice(
        "open asks nobody; basic for an operator's name and password; token for the token of a binding, or an operator's password as one; both takes either.",
        ['open', 'token', 'basic', 'both'],
      ),
      'open',
    ),
    max_stale: standard(
      duration('Tokens are taken for so long after the database was last read.', {
        minMs: 1000,
        maxMs: 86_400_000,
      }),
      '5m',
    ),
    trusted_proxies: standard(
      list(
        'Proxies whose X-Forwarded-For is believed when wrong passwords are counted by address.',
        network('One of them, or their network.'),
      ),
      [],
    ),
    operators: standard(
      list(
        'Who reads everything, with any auth.mode but open.',
        section('One operator.', {
          username: username('User name.'),
          password: password('Password.'),
        }),
      ),
      [],
    ),
  },
  [
    {
      key: 'operators',
      holds: ({ mode, operators }) => mode !== 'basic' || !isEmpty(operators),
      otherwise: 'must name at least one operator, since auth.mode is basic',
    },
    {
      key: 'operators',
      holds: ({ mode, operators }) => mode !== 'open' || isEmpty(operators),
      otherwise: 'must be empty while auth.mode is open, which asks nobody for a password',
    },
  ],
);

const fields = {
  listen: standardSection(listen),
  routes: standardSection(routes),
  scrape: standardSection(scrape),
  external_exporters: standard(
    list('Exporters that are asked once per app and request, beside its instances.', exporter),
    [],
  ),
  auth: standardSection(auth),
  broker: standardSection(broker),
  database: standardSection(database),
  log: standardSection(
    section('What promgate writes on its standard output.', {
      level: standard(
        choice('Least level that is written.', ['debug', 'info', 'warn', 'error']),
        'info',
      ),
    }),
  ),
  drain: standardSection(
    section('How promgate stops.', {
      wait: standard(
        duration(
          'Requests are still accepted for this long after SIGTERM; all ends 7 s later at the latest.',
          { minMs: 0, maxMs: 600_000 },
        ),
        '2s',
      ),
    }),
  ),
  sd: standardSection(
    section('What /sd/apps tells Prometheus.', {
      address: optional(
        text('Address of promgate in targets; without it the one the reader used.', {
          allowed: 'a host or host:port',
          pattern: ADDRESS,
        }),
      ),
      scheme: optional(
        choice('Scheme of promgate in targets; without it the one the reader used.', [
          'http',
          'https',
        ]),
      ),
    }),
  ),
  cache: standardSection(
    section('How answers are kept.', {
      mode: standard(
        choice('live asks the instances at every request.', ['live'], ['ttl', 'background']),
        'live',
      ),
    }),
  ),
};

/** The whole configuration. */
export const schema = section('promgate', fields, [
  {
    key: 'external_exporters',
    holds: ({ external_exporters: exporters }) => !Array.isArray(exporters) || unique(exporters),
    otherwise: 'must be a list in which every name occurs once',
  },
  {
    key: 'auth',
    holds: ({ auth, broker }) => !wantsTokens(auth) || hasAccounts(broker),
    otherwise:
      'needs broker.username and broker.password in mode token or both: bindings give tokens',
  },
  {
    key: 'broker',
    holds: ({ broker }) => uniqueAccounts(broker),
    otherwise: 'must give every account a user name of its own',
  },
]);

function wantsTokens(auth: unknown): boolean {
  const { mode } = (auth ?? {}) as { readonly mode?: unknown };
  return mode === 'token' || mode === 'both';
}

/** Whether no two exporters have a name in common; one with other faults has none. */
function unique(exporters: readonly Readonly<Record<string, unknown>>[]): boolean {
  const names = exporters.map(
    (exporter) => exporter?.['name'] ?? `${exporter?.['host']}${exporter?.['metrics_path']}`,
  );
  return new Set(names).size === names.length;
}

/** Sections of the design that this version does not have: refused with a word of their own. */
export const LATER: readonly string[] = ['endpoints', 'redis', 'kafka', 'push', 'query'];

export type Values = z.output<typeof schema>;
