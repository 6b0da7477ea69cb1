/**
 * The section `routes`: the sources of the route table.
 */
import { cfApi } from './cf-api.ts';
import { clientTls, isEmpty, password, together, username } from './credentials.ts';
import {
  duration,
  file,
  flag,
  list,
  optional,
  section,
  size,
  url,
  wholeNumber,
  withDefault,
} from './setting.ts';

const gorouter = section(
  'One gorouter.',
  {
    url: url('URL of the route table.', ['http', 'https']),
    username: optional(username('User name of the status endpoint.')),
    password: optional(password('Password of the status endpoint.')),
    interval: withDefault(
      duration('Time from poll to poll.', { minMs: 1000, maxMs: 3_600_000 }),
      '15s',
    ),
    max_body: withDefault(
      size('Largest table; promgate refuses a larger one.', { minBytes: 1024, maxBytes: 2 ** 30 }),
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
    register_interval: withDefault(
      duration('Interval of announcements; the table counts as whole after one interval.', {
        minMs: 100,
        maxMs: 3_600_000,
      }),
      '20s',
    ),
    enough: optional(
      wholeNumber('With this many endpoints the table counts as whole before the interval ends.', {
        min: 1,
        max: 1e6,
      }),
    ),
    greet: withDefault(
      flag('Publish router.start and answer router.greet, as a gorouter does.'),
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

export const routes = section('The sources of the route table; several may be used together.', {
  gorouter: withDefault(list('gorouters to poll; promgate joins their tables.', gorouter), []),
  nats: optional(nats),
  cf_api: optional(cfApi),
  file: optional(file("A file with gorouter's JSON; promgate reads it again when it changes.")),
  max_age: withDefault(
    duration(
      'Routes of a source that has failed for this long are no longer used while another source works.',
      { minMs: 1000, maxMs: 3_600_000 },
    ),
    '120s',
  ),
  require_tls: withDefault(
    flag('Ignore endpoints without TLS, whose address may belong to another tenant by now.'),
    false,
  ),
});
