/**
 * The section `push`: the push gateway, and how pushed metrics are put together.
 *
 * Rules, tenants and the section itself have the same keys; `src/push/rules.ts` says which applies.
 */
import path from 'node:path';
import { limits, tenantLimits } from './push-limits.ts';
import { remoteWrite } from './remote-write.ts';
import {
  choice,
  duration,
  file,
  flag,
  isMapping,
  list,
  optional,
  type Rule,
  section,
  sectionWithDefaults,
  text,
  wholeNumber,
  withDefault,
} from './setting.ts';

const YEAR_MS = 365 * 86_400_000;

const glob = (description: string) =>
  text(description, {
    allowed:
      'a text without control characters, at most 256 long, where * stands for any characters',
    pattern: /^[^\p{Cc}]{1,256}$/u,
  });

const label = text('The name of a label.', {
  allowed: 'the name of a label, at most 512 characters long, but not __name__, le or quantile',
  pattern: /^(?!(?:__name__|le|quantile)$)[^\p{Cc}]{1,512}$/u,
});

/** How metrics are put together, in the section, in its rules and in its tenants. */
const handling = {
  temporality: choice(
    'What a client that sends X-Push-Source means: cumulative is its totals since it began, of which promgate adds the growth; delta is what has grown since its last push, as every other client means.',
    ['cumulative', 'delta'],
  ),
  gauge: choice(
    'How gauges are put together: the last push, or a figure over the last values of all clients that send X-Push-Source.',
    ['last', 'sum', 'min', 'max', 'avg', 'count'],
  ),
  ttl: duration('Metrics that nobody has pushed for this long are removed; 0s keeps them.', {
    minMs: 0,
    maxMs: YEAR_MS,
  }),
  without: list('Labels that are dropped before metrics are added.', label),
};

const jobMode = (description: string) => choice(description, ['replace', 'aggregate']);

export const rule = section('One rule; it sets the keys that it has.', {
  families: glob('Names of families, such as queue_*.'),
  temporality: optional(handling.temporality),
  gauge: optional(handling.gauge),
  ttl: optional(handling.ttl),
  without: optional(handling.without),
});

export const tenant = section(
  'Settings of the tenants that fit all globs of the entry.',
  {
    organization: optional(glob('Guid or name of the organization.')),
    space: optional(glob('Guid or name of the space.')),
    app: optional(glob('Guid or name of the app; names are unique in a space only.')),
    temporality: optional(handling.temporality),
    gauge: optional(handling.gauge),
    ttl: optional(handling.ttl),
    without: optional(handling.without),
    job_mode: optional(jobMode('As push.job_mode.')),
    limits: optional(tenantLimits),
  },
  [
    {
      key: 'organization',
      holds: ({ organization, space, app }) =>
        organization !== undefined || space !== undefined || app !== undefined,
      otherwise: 'must be set unless space or app is',
    },
  ],
);

const port = { min: 0, max: 65_535 };

export const push = section(
  'The push gateway at /push. It exists only if this section does; push: {} takes all defaults.',
  {
    open: withDefault(
      flag('While auth.mode is open, accept pushes without a token from other machines too.'),
      false,
    ),
    port: optional(
      wholeNumber(
        'A port of its own, with the paths of the push gateway at its root; 0 takes any free port.',
        port,
      ),
    ),
    job_mode: withDefault(
      jobMode(
        'What a push to /metrics/job/… does: replace its group, as in Pushgateway, or add, as in prom-aggregation-gateway; X-Push-Mode overrides this.',
      ),
      'replace',
    ),
    port_job_mode: optional(
      jobMode('As push.job_mode, for pushes to push.port; without it as push.job_mode.'),
    ),
    durability: optional(
      choice(
        'Where pushes are kept: disk, a file; shared, Redis; memory, lost at a restart. Without it disk if the database is a file, but not on Cloud Foundry; else shared if redis is set; else memory.',
        ['disk', 'shared', 'memory'],
      ),
    ),
    file: optional(
      file(
        'The SQLite file of push.durability disk; without it the file of the database with -push behind its name, or promgate-push.db.',
      ),
    ),
    temporality: withDefault(handling.temporality, 'cumulative'),
    gauge: withDefault(handling.gauge, 'last'),
    ttl: withDefault(handling.ttl, '0s'),
    without: withDefault(handling.without, []),
    utf8_names: withDefault(
      flag(
        'Unescape the names of labels in paths, as Pushgateway does by --push.enable-utf8-names.',
      ),
      false,
    ),
    admin_api: withDefault(flag('Serve PUT /api/v1/admin/wipe, which removes all metrics.'), false),
    consistency_check: withDefault(
      flag(
        'Check a push in replace mode before its answer; false answers 202 at once, as Pushgateway does by --push.disable-consistency-check.',
      ),
      true,
    ),
    source_idle: withDefault(
      duration('A client of X-Push-Source that has not pushed for this long is forgotten.', {
        minMs: 1_000,
        maxMs: YEAR_MS,
      }),
      '1h',
    ),
    redis_replicas: withDefault(
      wholeNumber(
        'With push.durability shared: how many replicas of Redis must have a push before its answer.',
        { min: 0, max: 16 },
      ),
      0,
    ),
    key_ttl: withDefault(
      duration('How long promgate remembers an Idempotency-Key.', {
        minMs: 1_000,
        maxMs: YEAR_MS,
      }),
      '24h',
    ),
    max_keys: withDefault(
      wholeNumber('Keys that promgate remembers for each tenant.', { min: 1, max: 10_000_000 }),
      100_000,
    ),
    rules: withDefault(
      list(
        'Rules by the name of the family; for each key the first rule that has it counts.',
        rule,
      ),
      [],
    ),
    tenants: withDefault(
      list(
        'Settings by tenant, that is by the app or space of a binding; for each key the first entry that fits and has it counts.',
        tenant,
      ),
      [],
    ),
    limits: sectionWithDefaults(limits),
    remote_write: withDefault(remoteWrite, []),
  },
);

/** Rules of the whole configuration about this section. */
export const pushRules: readonly Rule<'push' | 'listen' | 'redis' | 'database' | 'endpoints'>[] = [
  {
    key: 'push',
    inner: 'port',
    holds: ({ push, listen, endpoints }) => {
      const port = memberOf(push, 'port');
      const others = [memberOf(listen, 'port'), memberOf(listen, 'health_port')];
      if (memberOf(endpoints, 'compat') === true) others.push(memberOf(endpoints, 'compat_port'));
      return typeof port !== 'number' || port === 0 || !others.includes(port);
    },
    otherwise:
      'must be another port than listen.port, listen.health_port and endpoints.compat_port',
  },
  {
    key: 'push',
    inner: 'durability',
    holds: ({ push, redis }) =>
      memberOf(push, 'durability') !== 'shared' || memberOf(redis, 'url') !== undefined,
    otherwise: 'needs redis.url',
  },
  {
    key: 'push',
    inner: 'file',
    holds: ({ push, database }) => {
      const [file, url] = [memberOf(push, 'file'), memberOf(database, 'url')];
      if (typeof file !== 'string' || typeof url !== 'string') return true;
      return !url.startsWith('sqlite:') || path.resolve(url.slice(7)) !== path.resolve(file);
    },
    otherwise: 'must be another file than database.url names',
  },
];

/** A value of a section, before its check. */
function memberOf(section: unknown, key: string): unknown {
  return isMapping(section) ? section[key] : undefined;
}
