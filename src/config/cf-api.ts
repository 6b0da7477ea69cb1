/**
 * The section `routes.cf_api`: discovery by the CF API.
 */
import type { z } from 'zod';
import { clientTls, password, tlsFiles, together, username } from './credentials.ts';
import {
  duration,
  flag,
  list,
  optional,
  section,
  size,
  text,
  url,
  wholeNumber,
  withDefault,
} from './setting.ts';
import type { OwnApp } from './vcap.ts';

const glob = (description: string) =>
  text(description, {
    allowed: 'a name of at most 255 characters, in which * stands for any characters and ? for one',
    pattern: /^[^\p{Cc}]{1,255}$/u,
  });

/** Names of organizations, spaces or apps; an empty list takes all. */
const globs = (description: string) => withDefault(list(description, glob('One name.')), []);

export const cfApi = section(
  'The CF API, which names apps, their instances and their routes.',
  {
    url: optional(
      url('Root of the API; on Cloud Foundry by default that of the own platform.', [
        'https',
        'http',
      ]),
    ),
    client_id: optional(username('OAuth client; its authorities say what promgate may see.')),
    client_secret: optional(password('Secret of the OAuth client.')),
    username: optional(username('User whose roles say what promgate may see.')),
    password: optional(password('Password of the user.')),
    origin: optional(
      text('Identity provider of the user; by default UAA itself.', {
        allowed: 'a name of at most 128 visible characters',
        pattern: /^[!-~]{1,128}$/,
      }),
    ),
    tls: clientTls('TLS to the API and to UAA.'),
    organizations: globs('Only apps of these organizations, in any case of letters.'),
    spaces: globs('Only apps of these spaces.'),
    apps: globs('Only apps of these names.'),
    label_selector: optional(
      text('Only apps with these labels, in the syntax of the CF API: `team=a,tier in (x,y)`.', {
        allowed: 'a selector of at most 1024 visible characters and blanks',
        pattern: /^[ -~]{1,1024}$/,
      }),
    ),
    only_declared: withDefault(
      flag(
        'Only apps with the annotation prometheus.io/scrape: "true", or registered with the metric registrar.',
      ),
      false,
    ),
    interval: withDefault(
      duration('Time from look to look for what has changed.', {
        minMs: 5000,
        maxMs: 3_600_000,
      }),
      '60s',
    ),
    full_interval: withDefault(
      duration('promgate reads all lists anew at least this often.', {
        minMs: 5000,
        maxMs: 86_400_000,
      }),
      '5m',
    ),
    requests_per_minute: withDefault(
      wholeNumber(
        'Most requests of this promgate to the API in a minute; all replicas share the quota of the API.',
        { min: 1, max: 6000 },
      ),
      10,
    ),
    timeout: withDefault(
      duration('Longest wait for an answer.', { minMs: 1000, maxMs: 600_000 }),
      '60s',
    ),
    max_apps: withDefault(
      wholeNumber('promgate refuses a list with more apps.', { min: 1, max: 1_000_000 }),
      50_000,
    ),
    max_body: withDefault(
      size('Largest page of a list; promgate reads a larger one in parts.', {
        minBytes: 64 * 1024,
        maxBytes: 2 ** 30,
      }),
      '16MiB',
    ),
  },
  [
    {
      key: 'client_id',
      holds: (values) => values.client_id !== undefined || values.username !== undefined,
      otherwise: 'must be set, or username',
    },
    {
      key: 'client_secret',
      // A user's client, such as `cf`, may have no secret.
      holds: ({ client_id: id, client_secret: secret, username: user }) =>
        secret !== undefined || id === undefined || user !== undefined,
      otherwise: 'must be set, since client_id is',
    },
    {
      key: 'client_id',
      holds: ({ client_id: id, client_secret: secret }) => secret === undefined || id !== undefined,
      otherwise: 'must be set, since client_secret is',
    },
    ...together('username', 'password'),
    {
      key: 'origin',
      holds: ({ origin, username: user }) => origin === undefined || user !== undefined,
      otherwise: 'needs username: only users have an identity provider',
    },
  ],
);

type CfApiValues = z.output<typeof cfApi>;

/** Undefined without the section. */
export function toCfApi(values: CfApiValues | undefined, ownApp: OwnApp | undefined) {
  return (
    values && {
      url: values.url ?? ownApp?.apiUrl ?? '', // `cfApiFaults` has refused an absent one
      credentials: toCredentials(values),
      tls: tlsFiles(values.tls),
      filters: {
        organizations: values.organizations,
        spaces: values.spaces,
        apps: values.apps,
        labelSelector: values.label_selector,
        onlyDeclared: values.only_declared,
      },
      intervalMs: values.interval,
      fullIntervalMs: values.full_interval,
      requestsPerMinute: values.requests_per_minute,
      timeoutMs: values.timeout,
      maxApps: values.max_apps,
      maxPageBytes: values.max_body,
    }
  );
}

function toCredentials(values: CfApiValues) {
  const { client_id: clientId, client_secret: clientSecret, username: user, origin } = values;
  if (user === undefined) {
    return {
      ...{ kind: 'client' as const, clientId: clientId ?? '', clientSecret: clientSecret ?? '' },
    };
  }
  return {
    ...{ kind: 'user' as const, username: user, password: values.password ?? '', origin },
    ...{ clientId: clientId ?? 'cf', clientSecret: clientSecret ?? '' },
  };
}

/** The address of the API must come from somewhere. */
export function cfApiFaults(values: CfApiValues | undefined, ownApp: OwnApp | undefined): string[] {
  if (!values || values.url !== undefined || ownApp?.apiUrl !== undefined) return [];
  return ['routes.cf_api.url must be set: VCAP_APPLICATION names no API'];
}
