/**
 * The list `push.remote_write`: Prometheus servers, and what speaks their protocol, that get all
 * pushed metrics.
 */
import { createRequire } from 'node:module';
import type { z } from 'zod';
import { clientTls, password, tlsFiles, together, username } from './credentials.ts';
import {
  choice,
  duration,
  list,
  optional,
  section,
  size,
  type TextPattern,
  text,
  url,
  wholeNumber,
  withDefault,
} from './setting.ts';

const ACTIONS = [
  ...(['replace', 'keep', 'drop', 'labelmap', 'labeldrop', 'labelkeep'] as const),
  ...(['lowercase', 'uppercase', 'hashmod', 'keepequal', 'dropequal'] as const),
] as const;

/** Actions that read other labels. */
const WITH_SOURCE: ReadonlySet<unknown> = new Set([
  ...['keep', 'drop', 'lowercase', 'uppercase', 'hashmod', 'keepequal', 'dropequal'],
]);
/** Actions that need the name of one label to set or to compare. */
const WITH_TARGET: ReadonlySet<unknown> = new Set([
  ...['replace', 'lowercase', 'uppercase', 'hashmod', 'keepequal', 'dropequal'],
]);

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,1023}$/;
/** May hold groups of the match: `shard_${1}`. */
const TARGET_LABEL = /^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))\w*)+$/;

/** RE2 is loaded for the first regular expression: most configurations have none. */
const RE2: TextPattern = {
  test: (pattern) => {
    const { RE2JS } = createRequire(import.meta.url)('re2js') as typeof import('re2js');
    try {
      RE2JS.compile(`^(?s:${pattern})$`);
      return true;
    } catch {
      return false; // the message of the setting says what is allowed
    }
  },
};

export const relabelRule = section(
  'One rule, as in write_relabel_configs of Prometheus.',
  {
    action: withDefault(choice('What the rule does.', ACTIONS), 'replace'),
    source_labels: withDefault(
      list(
        'Labels whose values the rule reads, joined.',
        text('Name of a label.', { allowed: 'the name of a label', pattern: LABEL_NAME }),
      ),
      [],
    ),
    separator: withDefault(
      text('What stands between the joined values.', {
        allowed: 'a text of at most 64 characters',
        pattern: /^.{0,64}$/su,
      }),
      ';',
    ),
    regex: withDefault(
      text('Has to match the joined values as a whole, or the name of a label.', {
        allowed: 'a regular expression of RE2, which has no lookaround and no backreferences',
        pattern: RE2,
      }),
      '(.*)',
    ),
    target_label: optional(
      text('Label that the rule sets or compares; replace may use groups in it.', {
        allowed: 'the name of a label',
        pattern: TARGET_LABEL,
      }),
    ),
    replacement: withDefault(
      text(`New value, or new name for labelmap; $1 and \${name} are groups of the match.`, {
        allowed: 'a text',
        pattern: /^/,
      }),
      '$1',
    ),
    modulus: optional(
      wholeNumber('Number of values that hashmod gives.', { min: 1, max: 2 ** 48 }),
    ),
  },
  [
    {
      key: 'source_labels',
      holds: ({ action, source_labels }) =>
        !WITH_SOURCE.has(action) || !Array.isArray(source_labels) || source_labels.length > 0,
      otherwise: 'must name at least one label for this action',
    },
    {
      key: 'target_label',
      holds: ({ action, target_label }) => !WITH_TARGET.has(action) || target_label !== undefined,
      otherwise: 'must be set for this action',
    },
    {
      key: 'target_label',
      holds: ({ action, target_label }) =>
        action === 'replace' || typeof target_label !== 'string' || LABEL_NAME.test(target_label),
      otherwise: 'must be the name of a label: only replace may use groups in it',
    },
    {
      key: 'modulus',
      holds: ({ action, modulus }) => action !== 'hashmod' || modulus !== undefined,
      otherwise: 'must be set for hashmod',
    },
  ],
);

/** Headers that promgate sets itself, that belong to the connection, or that auth stands for. */
const OWN_HEADERS =
  /^(?:accept-encoding|authorization|connection|content-.*|expect|host|keep-alive|proxy-.*|retry-attempt|te|trailer|transfer-encoding|upgrade|user-agent|x-prometheus-remote-write-.*)$/i;

const HEADER_NAME: TextPattern = {
  test: (name) => /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/i.test(name) && !OWN_HEADERS.test(name),
};

const header = section('One header of each request.', {
  name: text('Name of the header.', {
    allowed: 'the name of a header that promgate does not set itself',
    pattern: HEADER_NAME,
  }),
  value: text('Value of the header.', {
    allowed: 'a text of printable ASCII characters',
    pattern: /^[\x20-\x7e]+$/,
    secret: true,
  }),
});

const auth = section(
  'Credentials of each request: a user name with a password, or a token.',
  {
    username: optional(username('User name, for basic authentication.')),
    password: optional(password('Password, for basic authentication.')),
    token: optional(
      text('Token, for bearer authentication.', {
        allowed: 'a text of printable ASCII characters without blanks',
        pattern: /^[\x21-\x7e]+$/,
        secret: true,
      }),
    ),
  },
  [
    ...together('username', 'password'),
    {
      key: 'token',
      holds: ({ token, username }) => token === undefined || username === undefined,
      otherwise: 'must not be set beside username',
    },
  ],
);

const remote = section('One receiver.', {
  url: url('URL that takes remote write, such as http://prometheus:9090/api/v1/write.', [
    'http',
    'https',
  ]),
  name: optional(
    text('Name of the receiver in metrics and in the log; without it the host of the URL.', {
      allowed: 'letters, digits, dots, colons, dashes and underscores, at most 64',
      pattern: /^[A-Za-z0-9.:_-]{1,64}$/,
    }),
  ),
  version: withDefault(
    wholeNumber(
      'Protocol to begin with: 2 for remote write 2.0, 1 for 1.0. promgate falls back to 1.0 by itself.',
      { min: 1, max: 2 },
    ),
    2,
  ),
  auth: optional(auth),
  headers: withDefault(list('Further headers, such as X-Scope-OrgID.', header), []),
  tls: clientTls('TLS to the receiver.'),
  interval: withDefault(
    duration('How often all series are sent.', { minMs: 1000, maxMs: 240_000 }),
    '15s',
  ),
  resend: withDefault(
    duration(
      'A series that has not changed is sent again when its last sample is so old; 0s sends all series each time.',
      { minMs: 0, maxMs: 240_000 },
    ),
    '0s',
  ),
  relabel: withDefault(
    list('Rules that change or drop series before these are sent.', relabelRule),
    [],
  ),
  max_samples: withDefault(wholeNumber('Samples of one request.', { min: 1, max: 10_000 }), 2000),
  shards: withDefault(
    wholeNumber('Requests under way at once; few series never need more than one.', {
      min: 1,
      max: 16,
    }),
    4,
  ),
  timeout: withDefault(duration('Deadline of a request.', { minMs: 100, maxMs: 300_000 }), '30s'),
  queue: withDefault(
    size('Bound on samples that wait for a receiver that is away; the oldest make room.', {
      minBytes: 64 * 1024,
      maxBytes: 2 ** 36,
    }),
    '64MiB',
  ),
});

export const remoteWrite = list('Receivers of remote write, which get all pushed metrics.', remote);

type RemoteValues = z.output<typeof remote>;

export function toRelabelRule(rule: RemoteValues['relabel'][number]) {
  return {
    action: rule.action,
    sourceLabels: rule.source_labels,
    separator: rule.separator,
    regex: rule.regex,
    targetLabel: rule.target_label ?? '',
    replacement: rule.replacement,
    modulus: rule.modulus ?? 0,
  };
}

function toAuth({ username, password, token }: NonNullable<RemoteValues['auth']> = {}) {
  if (token !== undefined) return { kind: 'bearer', token } as const;
  if (username === undefined || password === undefined) return { kind: 'none' } as const;
  return { kind: 'basic', username, password } as const;
}

/** Gives the values of `remoteWrite` the program's names; the names of receivers are unique. */
export function toRemoteWrite(remotes: readonly RemoteValues[]) {
  const taken = new Set<string>();
  return remotes.map((one) => {
    const wanted = one.name ?? new URL(one.url).host;
    let name = wanted;
    for (let number = 2; taken.has(name); number++) name = `${wanted}-${number}`;
    taken.add(name);
    return {
      name,
      url: one.url,
      version: one.version === 1 ? (1 as const) : (2 as const),
      auth: toAuth(one.auth),
      headers: Object.fromEntries(one.headers.map(({ name, value }) => [name, value])),
      tls: tlsFiles(one.tls),
      intervalMs: one.interval,
      resendMs: one.resend,
      relabel: one.relabel.map(toRelabelRule),
      maxSamples: one.max_samples,
      maxLanes: one.shards,
      timeoutMs: one.timeout,
      maxQueueBytes: one.queue,
    };
  });
}
