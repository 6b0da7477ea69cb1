/**
 * The section `query`: many Prometheus servers behind one query API.
 */
import type { z } from 'zod';
import { serverGroup, toServerGroup } from './query-group.ts';
import {
  choice,
  duration,
  flag,
  list,
  section,
  size,
  text,
  wholeNumber,
  withDefault,
} from './setting.ts';
import { texts } from './setting-map.ts';

const RE2_ORIGINS = /^[^\s]{1,1000}$/;

/** By the names of Prometheus' flag `--enable-feature`. */
const FEATURES = [
  'promql-experimental-functions',
  'promql-duration-expr',
  'promql-extended-range-selectors',
  'promql-binop-fill-modifiers',
  'promql-delayed-name-removal',
] as const;

export const query = section(
  'Many Prometheus servers behind one query API.',
  {
    server_groups: list('Groups of servers; the servers of a group are replicas.', serverGroup),
    timeout: withDefault(
      duration('Bound on one query; a reader may ask for less.', { minMs: 100, maxMs: 3_600_000 }),
      '2m',
    ),
    lookback_delta: withDefault(
      duration('How old a sample may be that a selector still takes.', {
        ...{ minMs: 1_000, maxMs: 86_400_000 },
      }),
      '5m',
    ),
    max_samples: withDefault(
      wholeNumber('Samples that one query may hold, and that it may read.', { min: 1, max: 1e9 }),
      50_000_000,
    ),
    max_series: withDefault(
      wholeNumber('Series that one query may read.', { min: 1, max: 1e8 }),
      500_000,
    ),
    max_bytes: withDefault(
      size("Bytes of the servers' answers that one query may read.", {
        ...{ minBytes: 1024, maxBytes: 2 ** 36 },
      }),
      '512MiB',
    ),
    max_concurrent: withDefault(
      wholeNumber('Queries that run at a time.', { min: 1, max: 10_000 }),
      20,
    ),
    max_queued: withDefault(
      wholeNumber('Queries that wait for their turn; further ones are refused.', {
        ...{ min: 0, max: 100_000 },
      }),
      200,
    ),
    slow_query: withDefault(
      duration('A query that takes longer is logged; 0s logs none.', {
        minMs: 0,
        maxMs: 3_600_000,
      }),
      '10s',
    ),
    partial_response: withDefault(
      flag('A group that fails is a warning, unless the reader asks otherwise.'),
      false,
    ),
    cors_origin: withDefault(
      text('Regular expression of the origins whose pages may read the API; none: no origin.', {
        allowed: 'a regular expression',
        pattern: RE2_ORIGINS,
      }),
      '.*',
    ),
    features: withDefault(
      list('Parts of PromQL that are experimental in Prometheus.', choice('One part.', FEATURES)),
      [],
    ),
    external_labels: withDefault(
      texts('Labels that /federate and remote read add to series that lack them.'),
      {},
    ),
  },
  [
    {
      key: 'server_groups',
      holds: ({ server_groups: groups }) => Array.isArray(groups) && groups.length > 0,
      otherwise: 'must be a list of at least one group',
    },
    {
      key: 'server_groups',
      holds: ({ server_groups: groups }) => haveOwnNames(groups),
      otherwise: 'must be a list in which every name occurs once',
    },
    {
      key: 'server_groups',
      holds: ({ server_groups: groups }) => nameEachOther(groups),
      otherwise: 'must name other groups of the list in replica_of',
    },
  ],
);

/** The names of groups, faulty ones left out. */
function namesOf(groups: unknown): readonly string[] {
  if (!Array.isArray(groups)) return [];
  return groups.map((group: { readonly name?: unknown } | undefined, at) =>
    typeof group?.name === 'string' ? group.name : `group-${at}`,
  );
}

function haveOwnNames(groups: unknown): boolean {
  const names = namesOf(groups);
  return new Set(names).size === names.length;
}

function nameEachOther(groups: unknown): boolean {
  if (!Array.isArray(groups)) return true;
  const names = namesOf(groups);
  return groups.every((group: { readonly replica_of?: unknown } | undefined, at) => {
    const of = group?.replica_of;
    return typeof of !== 'string' || (names.includes(of) && names[at] !== of);
  });
}

export type QueryValues = z.output<typeof query>;

/** Gives the values of `query` the program's names; undefined without the section. */
export function toQuery(values: QueryValues | undefined) {
  return (
    values && {
      groups: values.server_groups.map(toServerGroup),
      timeoutMs: values.timeout,
      lookbackMs: values.lookback_delta,
      maxSamples: values.max_samples,
      maxSeries: values.max_series,
      maxBytes: values.max_bytes,
      maxConcurrent: values.max_concurrent,
      maxQueued: values.max_queued,
      slowMs: values.slow_query,
      partialResponse: values.partial_response,
      corsOrigin: values.cors_origin,
      features: values.features,
      externalLabels: values.external_labels,
    }
  );
}
