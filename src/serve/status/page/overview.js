/** The rail: route sources and their age, and the figures of each system. */
import { h, put } from './dom.js';
import { ago, bytes, count, seconds } from './format.js';

const LAST_READ = 'promgate_route_source_last_success_timestamp_seconds';

/**
 * @typedef {import('./types.d.ts').Overview} Overview
 * @typedef {readonly [label: string, value: string, isBad?: boolean, address?: string]} Fact
 */

/**
 * @param {HTMLElement} rail
 * @param {Overview} overview
 */
export function showOverview(rail, overview) {
  rail.hidden = false;
  const groups = systemsOf(overview).filter(({ facts }) => facts.length > 0);
  put(rail, ...[sourcesOf(overview), ...groups].map(group));
}

/** @param {{ name: string, facts: readonly Fact[] }} one */
function group({ name, facts }) {
  return h(
    'section',
    { class: 'card group' },
    h('h2', {}, name),
    h(
      'dl',
      {},
      ...facts.map(([label, value, isBad, address = '']) =>
        h(
          'div',
          {},
          h('dt', {}, label),
          h('dd', { class: isBad === true && 'bad' }, value),
          address !== '' && h('dd', { class: 'address muted' }, address),
        ),
      ),
    ),
  );
}

/** @param {Overview} overview */
function sourcesOf({ sources, figures, atSeconds }) {
  /** @param {string | undefined} name */
  const readAgo = (name) => {
    const found = figures?.[LAST_READ]?.find(({ labels }) => labels['source'] === name);
    return found ? `read ${ago(Math.max(0, atSeconds - found.value))}` : 'up to date';
  };
  /** @type {Fact[]} */
  const facts = sources.map(({ name, kind, state, ageSeconds }) => [
    kind,
    state === 'ready'
      ? readAgo(name)
      : state === 'waiting'
        ? 'no listing yet'
        : `failing for ${seconds(ageSeconds ?? 0)}`,
    state !== 'ready',
    name?.slice(kind.length).trim() ?? '',
  ]);
  return {
    name: 'Route sources',
    facts: facts.length > 0 ? facts : [/** @type {Fact} */ (['none', 'not configured', true])],
  };
}

/** @param {Overview} overview @returns ways to read the figures; undefined if the reader sees none */
function factsOf({ figures, mentions = {} }) {
  if (!figures) return undefined;
  /** @type {(name: string, keep?: (labels: Readonly<Record<string, string>>) => boolean) => number | undefined} */
  const sum = (name, keep = () => true) => {
    const samples = figures[`promgate_${name}`]?.filter(({ labels }) => keep(labels));
    if (!samples || samples.length === 0) return undefined;
    return samples.reduce((total, { value }) => total + value, 0);
  };
  /** @type {(label: string, value: number | undefined, print?: (value: number) => string, isBad?: (value: number) => boolean) => Fact[]} */
  const fact = (label, value, print = count, isBad = () => false) =>
    value === undefined ? [] : [[label, print(value), isBad(value)]];
  /** @type {(label: string, name: string) => Fact[]} */
  const mention = (label, name) => {
    const state = mentions[name];
    return state === undefined ? [] : [[label, state, state !== 'ready']];
  };
  return { sum, fact, mention };
}

/** @param {number} value */
const some = (value) => value > 0;
/** @param {number} value */
const isNone = (value) => value === 0;
/** As the alert PromgateCfApiOld. @param {number} value */
const isOldSweep = (value) => value > 900;

/** @param {Overview} overview */
function systemsOf(overview) {
  const facts = factsOf(overview);
  return facts ? [...readSystems(facts), ...otherSystems(facts)] : [];
}

/** @typedef {NonNullable<ReturnType<typeof factsOf>>} Facts */

/** How many attempts by each way that was tried gave a page. @param {Pick<Facts, 'sum' | 'fact'>} facts */
function waysOf({ sum, fact }) {
  return ['direct', 'gorouter', 'identity', 'internal'].flatMap((way) => {
    const all = sum('way_attempts_total', ({ via }) => via === way);
    if (all === undefined || all === 0) return [];
    const pages = sum('way_attempts_total', ({ via, result }) => via === way && result === 'page');
    /** @param {number} value */
    const print = (value) => `${count(value)} pages of ${count(all)}`;
    return fact(`By ${way}`, pages ?? 0, print, (value) => value === 0);
  });
}

/** @param {Facts} facts */
function readSystems({ sum, fact, mention }) {
  const answers = sum('cache_requests_total');
  const hits = sum('cache_requests_total', ({ result }) => result === 'hit' || result === 'stale');
  return [
    {
      name: 'Routes',
      facts: [
        ...fact('Apps', sum('apps')),
        ...fact('Routes', sum('routes')),
        ...fact('Endpoints', sum('route_endpoints')),
        ...fact('Ambiguous addresses', sum('route_ambiguous_addresses'), count, some),
        ...fact('Age of the CF API sweep', sum('cf_api_sweep_age_seconds'), seconds, isOldSweep),
        ...fact('CF API requests left', sum('cf_api_rate_limit_remaining'), count, isNone),
      ],
    },
    {
      name: 'Scrapes',
      facts: [
        ...fact(
          'Running',
          sum('scrape_slots_used'),
          (value) => `${count(value)} of ${count(sum('scrape_slots') ?? 0)}`,
        ),
        ...fact('Waiting', sum('scrape_waiting')),
        ...fact('Memory of pages', sum('scrape_bytes_in_flight'), bytes),
        ...waysOf({ sum, fact }),
      ],
    },
    {
      name: 'Cache',
      facts: [
        ...fact('Pages kept', sum('cache_entries')),
        ...fact('Memory', sum('cache_bytes'), bytes),
        ...fact('Refreshed pages', sum('cache_refresh_jobs')),
        ...fact(
          'Answered from it',
          answers ? (hits ?? 0) / answers : undefined,
          (value) => `${Math.round(value * 100)} %`,
        ),
      ],
    },
    {
      name: 'Bindings',
      facts: [
        ...fact('Known', sum('bindings')),
        ...fact('Age', sum('bindings_age_seconds'), seconds),
        ...mention('Database', 'database'),
      ],
    },
  ];
}

/** @param {Facts} facts */
function otherSystems({ sum, fact, mention }) {
  return [
    {
      name: 'Pushes',
      facts: [
        ...fact('Series', sum('push_series')),
        ...fact('Tenants', sum('push_tenants')),
        ...fact('Pushes', sum('pushes_total')),
        ...fact(
          'Refused',
          sum('pushes_total', ({ result = '' }) => !['ok', 'replay', 'queued'].includes(result)),
          count,
          some,
        ),
        ...mention('Journal', 'push'),
      ],
    },
    {
      name: 'Remote write',
      facts: [
        ...fact('Samples sent', sum('remote_write_samples_total')),
        ...fact('Lost', sum('remote_write_samples_lost_total'), count, some),
        ...fact('Queue', sum('remote_write_queue_bytes'), bytes),
        ...fact('Behind', sum('remote_write_behind_seconds'), seconds),
      ],
    },
    {
      name: 'Endpoints',
      facts: [
        ...fact('Fetches', sum('endpoint_fetches_total')),
        ...fact(
          'Failed',
          sum('endpoint_fetches_total', ({ result }) => result !== 'ok'),
          count,
          some,
        ),
      ],
    },
    {
      name: 'Queries',
      facts: [
        ...fact('Running', sum('query_running')),
        ...fact('Waiting', sum('query_queued'), count, some),
        ...fact('Servers that answer', sum('query_server_up')),
        ...mention('Servers', 'query'),
        ...fact('Answered with an error', sum('query_errors_total')),
        ...fact('Incomplete answers', sum('query_incomplete_total'), count, some),
      ],
    },
    {
      name: 'Replicas',
      facts: [
        ...mention('Redis', 'redis'),
        ...fact('Messages', sum('replica_messages_received_total')),
      ],
    },
  ];
}
