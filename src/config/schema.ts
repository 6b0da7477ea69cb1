/**
 * Every key of the configuration: its type, standard value and one sentence on what it does.
 *
 * `docs/configuration.md` is printed from here, and so are the names of the environment variables.
 * The keys are the file's (`max_timeout`); `../config.ts` gives them the names the program uses.
 */
import type { z } from 'zod';
import {
  choice,
  duration,
  file,
  flag,
  list,
  optional,
  type Rule,
  section,
  size,
  standard,
  standardSection,
  text,
  textLists,
  url,
  wholeNumber,
} from './setting.ts';

const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$/;
const ADDRESS =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
const USERNAME = /^[^:\p{Cc}]{1,256}$/u; // RFC 7617, 2: no colon, no control characters
const PASSWORD = /^[^\p{Cc}]{1,1024}$/u;

/**
 * Texts with Promfetcher's placeholders: `{{.AppID}}`, blanks around the name allowed, nothing else
 * between double braces.
 */
const TEMPLATE =
  /^(?:(?!\{\{)[^\p{Cc}]|\{\{\s*\.(?:AppID|AppName|SpaceID|SpaceName|OrganizationID|OrganizationName|SourceID|ProcessType|ProcessID|ProcessInstanceID|InstanceID|Component)\s*\}\})*$/u;

const username = (description: string) =>
  text(description, { allowed: 'a text without colons and control characters', pattern: USERNAME });

const password = (description: string) =>
  text(description, {
    allowed: 'a text without control characters, at most 1024 long',
    pattern: PASSWORD,
    secret: true,
  });

/** Both keys or neither. */
function together<K extends string>(first: K, second: K): Rule<K>[] {
  const missing = (key: K, other: K): Rule<K> => ({
    key,
    holds: (values) => values[key] !== undefined || values[other] === undefined,
    otherwise: `must be set, since ${other} is`,
  });
  return [missing(first, second), missing(second, first)];
}

/** Compares what `before` and `after` are, if both are numbers. */
function notAbove(before: unknown, after: unknown): boolean {
  return typeof before !== 'number' || typeof after !== 'number' || before <= after;
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function clientTls(description: string) {
  return optional(
    section(
      description,
      {
        ca: optional(file('Certificates that sign the other side, PEM.', 'certificate')),
        cert: optional(file('Certificate that promgate shows, PEM.', 'certificate')),
        key: optional(file('Key of that certificate, PEM.', 'key')),
      },
      together('cert', 'key'),
    ),
  );
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
      wholeNumber('Connections open at once; further ones are closed.', { min: 1, max: 1e6 }),
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

const gorouter = section(
  'One gorouter.',
  {
    url: url('Its route table.', ['http', 'https']),
    username: optional(username('User name of its status endpoint.')),
    password: optional(password('Password of its status endpoint.')),
    interval: standard(
      duration('Time from poll to poll.', { minMs: 1000, maxMs: 3_600_000 }),
      '15s',
    ),
    max_body: standard(
      size('A larger table is refused.', { minBytes: 1024, maxBytes: 2 ** 30 }),
      '256MiB',
    ),
    tls: clientTls('TLS to this gorouter.'),
  },
  together('username', 'password'),
);

const nats = section(
  "CF's message bus, over which routes are announced.",
  {
    servers: list('Servers of the cluster.', url('One server.', ['nats', 'tls'])),
    username: optional(username('User name.')),
    password: optional(password('Password.')),
    tls: clientTls('TLS to the servers.'),
    register_interval: standard(
      duration('How often routes are announced: the table is whole after one such time.', {
        minMs: 100,
        maxMs: 3_600_000,
      }),
      '20s',
    ),
    enough: optional(
      wholeNumber('So many endpoints are enough: ready as soon as they are known.', {
        min: 1,
        max: 1e6,
      }),
    ),
    greet: standard(
      flag('Publish router.start and answer router.greet: poses as a router.'),
      false,
    ),
  },
  [
    ...together('username', 'password'),
    {
      key: 'servers',
      holds: ({ servers }) => !isEmpty(servers),
      otherwise: 'must be a list of at least one server',
    },
  ],
);

const routes = section('Where the app instances are learned from: any of these, together.', {
  gorouter: standard(list('gorouters to poll; their tables are joined.', gorouter), []),
  nats: optional(nats),
  file: optional(file("A file with gorouter's JSON, read again when it changes.")),
  require_tls: standard(
    flag("Leave out endpoints without TLS, whose address may be another tenant's by now."),
    false,
  ),
});

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

const CATALOG_NAME = /^[a-z0-9-]{1,64}$/; // the schema of the public checkers for OSB 2.13
const CATALOG_ID = /^[A-Za-z0-9._-]{1,64}$/;

const catalogId = (description: string) =>
  text(description, {
    allowed: 'letters, digits, dots, dashes and underscores, at most 64',
    pattern: CATALOG_ID,
  });
const catalogName = (description: string) =>
  text(description, {
    allowed: 'lower-case letters, digits and dashes, at most 64',
    pattern: CATALOG_NAME,
  });

const broker = section(
  'The Open Service Broker at /broker/v2; there is none without username and password, or accounts.',
  {
    username: optional(username('User name of the platform.')),
    password: optional(password('Password of the platform.')),
    accounts: standard(
      list(
        'Further accounts.',
        section('One account.', {
          username: username('User name.'),
          password: password('Password.'),
          spaces: optional(
            list(
              'The only spaces it may act in, by guid; without it all.',
              text('The guid of a space.', {
                allowed: 'a guid',
                pattern: /^[A-Za-z0-9._-]{1,64}$/,
              }),
            ),
          ),
        }),
      ),
      [],
    ),
    service_id: standard(
      catalogId('Id of the service in the catalog.'),
      '75bcebab-cc25-4ef6-89dc-a91b953919f1',
    ),
    plan_id: standard(
      catalogId('Id of its plan in the catalog.'),
      'e2900be3-709b-419e-b63b-de3aabcd9e15',
    ),
    service_name: standard(catalogName('Name of the service in the marketplace.'), 'promfetcher'),
    plan_name: standard(catalogName('Name of its plan.'), 'fetch-app'),
    url: optional(
      url('Address of promgate in credentials; without it the one the platform used.', [
        'http',
        'https',
      ]),
    ),
    adopt: standard(
      flag("Take over instances that Promfetcher's broker made, which stored them nowhere."),
      false,
    ),
    ephemeral: standard(
      flag('Allow SQLite on Cloud Foundry, where it is lost with its container.'),
      false,
    ),
  },
  together('username', 'password'),
);

const encryptionKey = (description: string) =>
  text(description, {
    allowed: 'a text of 16 to 1024 characters without control characters',
    pattern: /^[^\p{Cc}]{16,1024}$/u,
    secret: true,
  });

const database = section('Where bindings are kept.', {
  url: standard(
    text('The database.', {
      allowed: 'sqlite:<file>, postgres://… or mysql://…',
      pattern:
        /^(?:sqlite:[^\p{Cc}]+|(?:postgres|postgresql|mysql|mysql2|mariadb):\/\/[^\p{Cc}\s]+)$/u,
    }),
    'sqlite:promgate.db',
  ),
  tls: clientTls('TLS to the database.'),
  encryption_key: optional(
    encryptionKey(
      'Encrypts tokens and headers; without it a key is made and kept in the database itself.',
    ),
  ),
  old_encryption_keys: standard(
    list('Keys used before: they read, and write no more.', encryptionKey('One key.')),
    [],
  ),
});

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

interface GivenBroker {
  readonly username?: unknown;
  readonly accounts?: unknown;
}

function hasAccounts(broker: unknown): boolean {
  const { username, accounts } = (broker ?? {}) as GivenBroker;
  return username !== undefined || (Array.isArray(accounts) && accounts.length > 0);
}

function uniqueAccounts(broker: unknown): boolean {
  const { username, accounts } = (broker ?? {}) as GivenBroker;
  const others = Array.isArray(accounts) ? accounts : [];
  const names = others.map((account: { readonly username?: unknown } | null) => account?.username);
  const all = username === undefined ? names : [username, ...names];
  return new Set(all).size === all.length;
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
