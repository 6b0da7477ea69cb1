/**
 * Every key of the configuration: its type, default and one sentence on what it does.
 *
 * `docs/configuration.md` and the names of the environment variables are derived from it. The keys
 * are named as in the file (`max_timeout`); `config.ts` gives them the program's names.
 */
import type { z } from 'zod';
import { ADDRESS } from './address.ts';
import { auth, wantsTokens } from './auth.ts';
import { broker, database, hasAccounts, uniqueAccounts } from './broker.ts';
import { cache } from './cache.ts';
import { endpoints } from './endpoints.ts';
import { externalExporters, haveOwnNames } from './exporter.ts';
import { kafka } from './kafka.ts';
import { listen } from './listen.ts';
import { push, pushRules } from './push.ts';
import { query } from './query.ts';
import { redis } from './redis.ts';
import { routes } from './routes.ts';
import { scrape } from './scrape.ts';
import {
  choice,
  duration,
  optional,
  section,
  sectionWithDefaults,
  text,
  withDefault,
} from './setting.ts';

const fields = {
  listen: sectionWithDefaults(listen),
  routes: sectionWithDefaults(routes),
  scrape: sectionWithDefaults(scrape),
  external_exporters: withDefault(externalExporters, []),
  auth: sectionWithDefaults(auth),
  broker: sectionWithDefaults(broker),
  database: sectionWithDefaults(database),
  log: sectionWithDefaults(
    section('What promgate writes on its standard output.', {
      level: withDefault(
        choice('Lowest level that promgate writes.', ['debug', 'info', 'warn', 'error']),
        'info',
      ),
    }),
  ),
  drain: sectionWithDefaults(
    section('How promgate stops.', {
      wait: withDefault(
        duration(
          'promgate still accepts requests for this long after SIGTERM, and exits at most 7 s later.',
          { minMs: 0, maxMs: 600_000 },
        ),
        '2s',
      ),
    }),
  ),
  sd: sectionWithDefaults(
    section('What /sd/apps tells Prometheus.', {
      address: optional(
        text('Address of promgate in targets; without it the address that the reader used.', {
          allowed: 'a host or host:port',
          pattern: ADDRESS,
        }),
      ),
      scheme: optional(
        choice('Scheme of promgate in targets; without it the scheme that the reader used.', [
          'http',
          'https',
        ]),
      ),
    }),
  ),
  cache: sectionWithDefaults(cache),
  redis: optional(redis),
  kafka: optional(kafka),
  endpoints: sectionWithDefaults(endpoints),
  push: optional(push),
  query: optional(query),
};

/** The whole configuration. */
export const schema = section('promgate', fields, [
  {
    key: 'external_exporters',
    holds: ({ external_exporters: exporters }) =>
      !Array.isArray(exporters) || haveOwnNames(exporters),
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
  ...pushRules,
]);

export type Values = z.output<typeof schema>;
