/**
 * One group of `query.server_groups`: servers that hold the same series, with Promxy's keys and a few more.
 */
import type { z } from 'zod';
import { isEmpty } from './credentials.ts';
import { type DiscoveryKey, discoveryFields, toDiscovery } from './query-discovery.ts';
import { httpClient, toHttpClient } from './query-http-client.ts';
import { relabelRule, toRelabelRule } from './remote-write.ts';
import {
  choice,
  flag,
  list,
  optional,
  section,
  sectionWithDefaults,
  text,
  textLists,
  wholeNumber,
  withDefault,
} from './setting.ts';
import { anyText, goDuration, instant, texts } from './setting-map.ts';

/** A name, an operator and a quoted text. */
const MATCHER =
  /^\s*(?:[a-zA-Z_:][\w:.]*|"(?:[^"\\]|\\.)+")\s*(?:=~|!~|!=|=)\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)\s*$/;
const ANY_TIME = { minMs: Number.MIN_SAFE_INTEGER };

const metricsRelabel = section(
  'One rule over the labels of series.',
  {
    action: choice('What the rule does.', ['replace', 'lowercase', 'uppercase', 'labeldrop']),
    source_label: anyText('Label that is read, or dropped.'),
    target_label: optional(anyText('Label that is set.')),
  },
  [
    {
      key: 'target_label',
      holds: ({ action, target_label }) => action === 'labeldrop' || target_label !== undefined,
      otherwise: 'must be set for this action',
    },
  ],
);

const truncate = withDefault(
  flag('Ask only for the part of a range that is within; else for the whole range.'),
  false,
);

const labelFilter = section(
  'Which values of labels the group can have; others are not asked for.',
  {
    dynamic_labels: withDefault(
      list('Labels whose values the servers are asked for.', anyText('One label.')),
      [],
    ),
    sync_interval: withDefault(goDuration('How often they are asked; 0 once.'), '0'),
    static_labels_include: optional(
      textLists('Values by label.', { allowed: 'a text', pattern: /^/ }),
    ),
    static_labels_exclude: optional(
      textLists('Values by label that the group does not have.', {
        allowed: 'a text',
        pattern: /^/,
      }),
    ),
    on_sync_error: withDefault(
      choice('What the group is until its values are known: asked (abort, open) or not (closed).', [
        ...(['abort', 'open', 'closed'] as const),
      ]),
      'abort',
    ),
  },
);

const WAYS: readonly DiscoveryKey[] = [
  ...(['static_configs', 'file_sd_configs', 'dns_sd_configs'] as const),
  ...(['http_sd_configs', 'app_sd_configs'] as const),
];

const fields = {
  name: optional(
    anyText('Name in warnings, metrics and the log; without it the place in the list.'),
  ),
  ...discoveryFields,
  labels: withDefault(
    texts(
      'Labels that all series of the group get; a selector that asks for others skips the group.',
    ),
    {},
  ),
  replica_of: optional(
    anyText(
      'Name of a group that holds the same series: the holes of each are filled from the other.',
    ),
  ),
  partition: withDefault(
    choice(
      'labels: no series is in two groups, since their labels differ; none: it may be, and is then merged.',
      ['labels', 'none'],
    ),
    'labels',
  ),
  scheme: withDefault(choice('Scheme of the servers.', ['http', 'https']), 'http'),
  path_prefix: withDefault(anyText('Put before all paths.'), ''),
  http_client: sectionWithDefaults(httpClient),
  http_headers: withDefault(texts('Headers of every request.', { secret: true }), {}),
  query_params: withDefault(texts('Parameters of every request, such as nocache=1.'), {}),
  relabel_configs: withDefault(
    list('Rules over the servers; labels without __ in front join labels.', relabelRule),
    [],
  ),
  metrics_relabel_configs: withDefault(
    list('Rules over the labels of series; selectors are changed the other way.', metricsRelabel),
    [],
  ),
  anti_affinity: withDefault(
    goDuration(
      'Samples of two replicas that are nearer than this are of one scrape; half the interval of the scrapes, if that is less.',
      { maxMs: 3_600_000 },
    ),
    '10s',
  ),
  anti_affinity_dynamic: withDefault(
    flag('Half the interval of the scrapes of each series, whatever anti_affinity says.'),
    false,
  ),
  prefer_max: withDefault(flag('Take the greatest value that replicas have of one scrape.'), false),
  remote_read: optional(
    flag('Read samples by remote read, or never; without the key where a server has it.'),
  ),
  remote_read_path: withDefault(anyText('Path of remote read.'), 'api/v1/read'),
  relative_time_range: optional(
    section('When the group has samples, measured from now.', {
      start: optional(goDuration('The beginning, such as -3h.', ANY_TIME)),
      end: optional(goDuration('The end, such as -1h.', ANY_TIME)),
      truncate,
    }),
  ),
  absolute_time_range: optional(
    section('When the group has samples.', {
      start: optional(instant('The beginning.')),
      end: optional(instant('The end.')),
      truncate,
    }),
  ),
  label_filter: optional(labelFilter),
  inject_matchers: withDefault(
    list(
      'Matchers that every selector gets, such as cluster="a".',
      text('One matcher.', { allowed: 'a matcher such as cluster="a"', pattern: MATCHER }),
    ),
    [],
  ),
  ignore_error: withDefault(flag('The group may fail without a word.'), false),
  downgrade_error: withDefault(flag('A failure of the group is a warning.'), false),
  timeout: withDefault(goDuration('Bound on the wait for the head of an answer; 0 none.'), '0'),
  deadline: withDefault(
    goDuration('Bound on one request, its answer included.', { minMs: 100, maxMs: 3_600_000 }),
    '60s',
  ),
  gzip: withDefault(
    flag('Ask for compressed answers: for servers that are far away; it costs ten times the CPU.'),
    false,
  ),
  max_idle_conns_per_host: withDefault(
    wholeNumber('Connections to one server.', { min: 1, max: 1_000_000 }),
    64,
  ),
  idle_conn_timeout: withDefault(
    goDuration('How long an unused connection stays open.', { minMs: 1, maxMs: 86_400_000 }),
    '5m',
  ),
};

export const serverGroup = section('Servers that hold the same series.', fields, [
  {
    key: 'static_configs',
    holds: (values) => WAYS.some((way) => values[way] !== undefined && !isEmpty(values[way])),
    otherwise: `must name a server, or one of ${WAYS.slice(1).join(', ')} must be set`,
  },
  {
    key: 'relative_time_range',
    holds: ({ relative_time_range: range }) => isOrdered(range),
    otherwise: 'must end after its start',
  },
  {
    key: 'absolute_time_range',
    holds: ({ absolute_time_range: range }) => isOrdered(range),
    otherwise: 'must end after its start',
  },
]);

function isOrdered(range: unknown): boolean {
  const { start, end } = (range ?? {}) as { readonly start?: unknown; readonly end?: unknown };
  return typeof start !== 'number' || typeof end !== 'number' || end >= start;
}

export type GroupValues = z.output<typeof serverGroup>;

function timeLimits({ relative_time_range, absolute_time_range }: GroupValues) {
  const given = [
    ['relative', relative_time_range],
    ['absolute', absolute_time_range],
  ] as const;
  return given.flatMap(([kind, range]) =>
    range ? [{ kind, start: range.start, end: range.end, truncate: range.truncate }] : [],
  );
}

function toLabelFilter(filter: GroupValues['label_filter']) {
  if (!filter) return undefined;
  return {
    dynamicLabels: filter.dynamic_labels,
    syncIntervalMs: filter.sync_interval,
    include: filter.static_labels_include ?? {},
    exclude: filter.static_labels_exclude ?? {},
    untilSynced: filter.on_sync_error === 'closed' ? ('closed' as const) : ('open' as const),
  };
}

function onError({ ignore_error, downgrade_error }: GroupValues) {
  if (ignore_error) return 'ignore' as const;
  return downgrade_error ? ('warn' as const) : ('fail' as const);
}

/** Gives the values of a group the program's names. */
export function toServerGroup(group: GroupValues, ordinal: number) {
  const { remote_read: read } = group;
  return {
    name: group.name ?? `group-${ordinal}`,
    ordinal,
    discovery: toDiscovery(group),
    labels: group.labels,
    replicaOf: group.replica_of,
    partition: group.partition,
    scheme: group.scheme,
    pathPrefix: group.path_prefix,
    relabel: group.relabel_configs.map(toRelabelRule),
    metricsRelabel: group.metrics_relabel_configs.map((rule) => ({
      action: rule.action,
      sourceLabel: rule.source_label,
      targetLabel: rule.target_label ?? '',
    })),
    merge: {
      antiAffinityMs: group.anti_affinity,
      dynamic: group.anti_affinity_dynamic,
      preferMax: group.prefer_max,
    },
    remoteRead:
      read === undefined ? ('auto' as const) : read ? ('always' as const) : ('never' as const),
    remoteReadPath: group.remote_read_path.replace(/^\/+/, ''),
    timeLimits: timeLimits(group),
    labelFilter: toLabelFilter(group.label_filter),
    injectMatchers: group.inject_matchers,
    onError: onError(group),
    deadlineMs: group.deadline,
    client: {
      ...toHttpClient(group.http_client),
      headers: group.http_headers,
      queryParameters: Object.entries(group.query_params),
      gzip: group.gzip,
      headTimeoutMs: group.timeout,
      idleTimeoutMs: group.idle_conn_timeout,
      maxConnections: Math.min(1_000, group.max_idle_conns_per_host),
    },
  };
}
