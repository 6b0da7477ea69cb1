/**
 * The try of an app: each of its instances is asked for its page once.
 */
import type { Config } from '../../config/config.ts';
import { parseSelector, SelectorError } from '../../discover/selector.ts';
import { VIAS } from '../../fetch/way.ts';
import { scrapeDirectly } from '../direct-scrape.ts';
import { type Try, TryError, type TryResult } from './try.ts';

export interface AppTryOptions {
  /** What the failure of an instance means, and what to do. */
  readonly wordsOf: (failure: string) => string;
  readonly timeoutMs: number;
  readonly platformAuthorities?: string | undefined;
}

/** @param app - `org/space/name`, a guid or a route */
export function appTry(
  config: Config,
  app: string,
  { wordsOf, timeoutMs, platformAuthorities }: AppTryOptions,
): Try {
  const run = async (): Promise<TryResult> => {
    await using parts = new AsyncDisposableStack();
    const scraped = await scrapeDirectly(
      config,
      {
        ...{ app: selectorOf(app), path: '/metrics', accept: 'text/plain', platformAuthorities },
        timeoutMs: Math.min(config.scrape.timeoutMs, timeoutMs * SHARE),
      },
      parts,
    );
    switch (scraped.kind) {
      case 'no-routes':
        throw new TryError('no route source has answered', 'look at the tries of the routes');
      case 'unknown':
        throw new TryError(
          `none of the ${scraped.apps} apps in the routes is this one`,
          'write ORG/SPACE/NAME as the platform has them; the app must run and have a route',
        );
      case 'page':
        return await told(scraped, { wordsOf, timeoutMs: timeoutMs * SHARE_BY_WAY });
    }
  };
  // NATS has told all routes only after such an interval.
  return { name: `app ${app}`, run, extraMs: config.routes.nats?.registerIntervalMs };
}

/** The scrape, and those by each way, must end before the bound of the try does. */
const SHARE = 0.5;
const SHARE_BY_WAY = 0.25;
/** More instances are only counted. */
const MAX_TOLD = 10;

type Scraped = Awaited<ReturnType<typeof scrapeDirectly>>;
type Outcomes = Extract<Scraped, { kind: 'page' }>['page']['outcomes'];

/** What came of the configured ways; where promgate chose among several, also what comes by each. */
async function told(
  { page, outcomesBy }: Extract<Scraped, { kind: 'page' }>,
  { wordsOf, timeoutMs }: Pick<AppTryOptions, 'wordsOf' | 'timeoutMs'>,
): Promise<TryResult> {
  const chose = page.outcomes.some(({ via, advice }) => via !== undefined || advice !== undefined);
  const asking = (chose ? VIAS : []).map(async (one) => {
    const outcomes = await outcomesBy(one, timeoutMs);
    const failures = new Set(outcomes.flatMap(({ failure }) => failure ?? []));
    const pages = outcomes.filter(({ failure }) => failure === undefined).length;
    const why = failures.size === 0 ? '' : ` (${[...failures].join(', ')})`;
    return `${one} ${pages} of ${outcomes.length}${why}`;
  });
  const ways = await Promise.all(asking);
  return tell(page.outcomes, wordsOf, ways.length === 0 ? '' : `; by each way: ${ways.join(', ')}`);
}

function tell(outcomes: Outcomes, wordsOf: AppTryOptions['wordsOf'], ways: string): TryResult {
  const told = outcomes
    .slice(0, MAX_TOLD)
    .map(({ instance, failure, samples, durationSeconds, via, advice }) => {
      const name = `instance ${instance?.index ?? '?'} at ${instance?.endpoint.address ?? '?'}`;
      const by = via === undefined ? '' : ` by ${via}`;
      const ms = Math.round(durationSeconds * 1000);
      return failure === undefined
        ? `${name} gave ${samples} samples in ${ms} ms${by}`
        : `${name} failed${by}: ${failure}${advice === undefined ? '' : ` (${advice})`}`;
    });
  const more = outcomes.length - told.length;
  const all = [...told, ...(more > 0 ? [`and ${more} more instances`] : [])];
  const said = all.join('; ') + ways;
  const failures = new Set(outcomes.flatMap(({ failure }) => failure ?? []));
  if (failures.size === 0) return { state: 'ok', said };
  throw new TryError(said, [...failures].map((one) => `${one}: ${wordsOf(one)}`).join('; '));
}

/** @throws {TryError} */
export function selectorOf(app: string, process?: string): ReturnType<typeof parseSelector> {
  const path = app.split('/').map(encodeURIComponent).join('/');
  const search = process === undefined ? '' : `process=${encodeURIComponent(process)}`;
  try {
    return parseSelector({ path, search });
  } catch (cause) {
    if (!(cause instanceof SelectorError)) throw cause;
    throw new TryError(cause.message, 'name an app by ORG/SPACE/NAME, its guid or a route', {
      cause,
    });
  }
}
