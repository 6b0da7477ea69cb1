/**
 * The try of an app: each of its instances is asked for its page once.
 */
import type { Config } from '../../config/config.ts';
import { parseSelector, SelectorError } from '../../discover/selector.ts';
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
        return tell(scraped.page.outcomes, wordsOf);
    }
  };
  // NATS has told all routes only after such an interval.
  return { name: `app ${app}`, run, extraMs: config.routes.nats?.registerIntervalMs };
}

/** The scrape must end before the bound of the try does. */
const SHARE = 0.6;
/** More instances are only counted. */
const MAX_TOLD = 10;

type Outcomes = Extract<
  Awaited<ReturnType<typeof scrapeDirectly>>,
  { kind: 'page' }
>['page']['outcomes'];

function tell(outcomes: Outcomes, wordsOf: AppTryOptions['wordsOf']): TryResult {
  const told = outcomes
    .slice(0, MAX_TOLD)
    .map(({ instance, failure, samples, durationSeconds }) => {
      const name = `instance ${instance?.index ?? '?'} at ${instance?.endpoint.address ?? '?'}`;
      const ms = Math.round(durationSeconds * 1000);
      return failure === undefined
        ? `${name} gave ${samples} samples in ${ms} ms`
        : `${name} failed: ${failure}`;
    });
  const more = outcomes.length - told.length;
  const said = [...told, ...(more > 0 ? [`and ${more} more instances`] : [])].join('; ');
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
