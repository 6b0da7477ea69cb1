/**
 * How the servers of a group are found: given in the configuration, by files, DNS or HTTP, or as an app.
 */
import type { z } from 'zod';
import { httpClient, toHttpClient } from './query-http-client.ts';
import {
  choice,
  list,
  section,
  sectionWithDefaults,
  text,
  url,
  wholeNumber,
  withDefault,
} from './setting.ts';
import { anyText, goDuration, texts } from './setting-map.ts';

const refresh = (description: string, value: string) =>
  withDefault(goDuration(description, { minMs: 1_000, maxMs: 86_400_000 }), value);

const staticConfig = section('Servers that do not change.', {
  targets: list(
    'Addresses of servers: host:port.',
    text('One address.', { allowed: 'host:port', pattern: /^[^\s/?#@]{1,300}$/ }),
  ),
  labels: withDefault(texts('Labels of these servers, and of their series.'), {}),
});

const fileConfig = section('Files with lists of servers, read again when they change.', {
  files: list(
    'Paths of JSON or YAML files; the last part may hold *.',
    text('One path.', {
      allowed: 'the path of a .json, .yml or .yaml file',
      pattern: /\.(?:json|ya?ml)$/,
    }),
  ),
  refresh_interval: refresh('How often the files are read anew.', '5m'),
});

const dnsConfig = section('Names whose records are servers.', {
  names: list('Names that are looked up.', anyText('One name.')),
  type: withDefault(choice('Kind of the records.', ['SRV', 'A', 'AAAA', 'MX', 'NS']), 'SRV'),
  port: withDefault(
    wholeNumber('Port of the servers; SRV records have their own.', { min: 0, max: 65_535 }),
    0,
  ),
  refresh_interval: refresh('How often the names are looked up.', '30s'),
});

const httpConfig = section('A URL that gives lists of servers as JSON.', {
  url: url('Where the lists are.', ['http', 'https']),
  refresh_interval: refresh('How often the lists are read.', '60s'),
  http_client: sectionWithDefaults(httpClient),
});

const appConfig = section('A CF app whose instances are the servers.', {
  app: text('The app: its guid, ORG/SPACE/NAME, or a route.', {
    allowed: 'a guid, ORG/SPACE/NAME or a route',
    pattern: /^\S(?:.{0,500}\S)?$/,
  }),
  refresh_interval: refresh('How often the route table is looked at.', '5s'),
});

/** The keys of a group that say where its servers are. */
export const discoveryFields = {
  static_configs: withDefault(list('Servers that do not change.', staticConfig), []),
  file_sd_configs: withDefault(list('Servers that files name.', fileConfig), []),
  dns_sd_configs: withDefault(list('Servers that DNS names.', dnsConfig), []),
  http_sd_configs: withDefault(list('Servers that a URL names.', httpConfig), []),
  app_sd_configs: withDefault(list('Servers that are CF apps.', appConfig), []),
};

export type DiscoveryKey = keyof typeof discoveryFields;

interface DiscoveryValues {
  readonly static_configs: readonly z.output<typeof staticConfig>[];
  readonly file_sd_configs: readonly z.output<typeof fileConfig>[];
  readonly dns_sd_configs: readonly z.output<typeof dnsConfig>[];
  readonly http_sd_configs: readonly z.output<typeof httpConfig>[];
  readonly app_sd_configs: readonly z.output<typeof appConfig>[];
}

/** Gives the values of `discoveryFields` the program's names. */
export function toDiscovery(values: DiscoveryValues) {
  return {
    staticServers: values.static_configs.flatMap(({ targets, labels }) =>
      targets.map((address) => ({ address, labels })),
    ),
    files: values.file_sd_configs.map(({ files, refresh_interval }) => ({
      ...{ files, refreshMs: refresh_interval },
    })),
    dns: values.dns_sd_configs.map(({ names, type, port, refresh_interval }) => ({
      ...{ names, type, port, refreshMs: refresh_interval },
    })),
    http: values.http_sd_configs.map(({ url, refresh_interval, http_client }) => ({
      ...{ url, refreshMs: refresh_interval, client: toHttpClient(http_client) },
    })),
    apps: values.app_sd_configs.map(({ app, refresh_interval }) => ({
      ...{ app, refreshMs: refresh_interval },
    })),
  };
}
