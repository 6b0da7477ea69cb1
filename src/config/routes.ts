/**
 * The section `routes`: where the app instances are learned from.
 */
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
    url: url('Its route table.', ['http', 'https']),
    username: optional(username('User name of its status endpoint.')),
    password: optional(password('Password of its status endpoint.')),
    interval: withDefault(
      duration('Time from poll to poll.', { minMs: 1000, maxMs: 3_600_000 }),
      '15s',
    ),
    max_body: withDefault(
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
    register_interval: withDefault(
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
    greet: withDefault(
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

export const routes = section('Where the app instances are learned from: any of these, together.', {
  gorouter: withDefault(list('gorouters to poll; their tables are joined.', gorouter), []),
  nats: optional(nats),
  file: optional(file("A file with gorouter's JSON, read again when it changes.")),
  max_age: withDefault(
    duration(
      'A source that has failed for so long is no longer believed while another source works.',
      { minMs: 1000, maxMs: 3_600_000 },
    ),
    '120s',
  ),
  require_tls: withDefault(
    flag("Leave out endpoints without TLS, whose address may be another tenant's by now."),
    false,
  ),
});
