/**
 * The section `cache`: how long answers are kept, and when they are refreshed.
 */
import {
  choice,
  duration,
  flag,
  optional,
  section,
  size,
  wholeNumber,
  withDefault,
} from './setting.ts';

const DAY_MS = 86_400_000;

export const cache = section('How promgate keeps answers, and refreshes them.', {
  mode: withDefault(
    choice(
      'live: every request asks the instances, and equal requests at the same time share one scrape; ttl: app pages are kept; background: they are also refreshed before they are read again.',
      ['live', 'ttl', 'background'],
    ),
    'live',
  ),
  ttl: withDefault(duration('How long an answer is fresh.', { minMs: 0, maxMs: DAY_MS }), '5s'),
  stale_while_revalidate: withDefault(
    duration(
      'After its ttl an answer goes out for this long, marked, while promgate loads it anew.',
      {
        minMs: 0,
        maxMs: DAY_MS,
      },
    ),
    '10s',
  ),
  stale_if_error: withDefault(
    duration(
      'After its ttl an answer goes out for this long, marked, if it cannot be loaded anew.',
      {
        minMs: 0,
        maxMs: DAY_MS,
      },
    ),
    '60s',
  ),
  not_found: withDefault(
    duration('How long promgate remembers a 404.', { minMs: 0, maxMs: DAY_MS }),
    '3s',
  ),
  failed: withDefault(
    duration('How long promgate remembers another failure.', { minMs: 0, maxMs: DAY_MS }),
    '1s',
  ),
  max_bytes: optional(
    size(
      'Bytes of kept answers, halved where both app pages and endpoints are kept; without it a quarter of the memory limit.',
      { minBytes: 1024, maxBytes: 2 ** 40 },
    ),
  ),
  refresh: optional(
    duration(
      'Pause between two refreshes of an answer, as prom-cache refreshes; without it promgate refreshes shortly before the next read.',
      { minMs: 100, maxMs: DAY_MS },
    ),
  ),
  min_interval: withDefault(
    duration('Shortest time between two refreshes of an answer.', { minMs: 100, maxMs: DAY_MS }),
    '1s',
  ),
  idle: withDefault(
    duration('An answer that nobody has read for this long is refreshed no more.', {
      minMs: 1_000,
      maxMs: DAY_MS,
    }),
    '10m',
  ),
  max_jobs: withDefault(
    wholeNumber('Answers that are refreshed, at most.', { min: 1, max: 1_000_000 }),
    10_000,
  ),
  concurrency: withDefault(wholeNumber('Refreshes at once.', { min: 1, max: 10_000 }), 32),
  with_credentials: withDefault(
    flag(
      "Refresh answers that were fetched with a reader's credentials as well; promgate then keeps these in memory until the refreshes end.",
    ),
    false,
  ),
});
