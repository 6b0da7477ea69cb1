/**
 * Starts what bindings need, as soon as their database is there.
 *
 * A database that is away holds nothing else up. Until it is opened the broker says 503, tokens
 * cannot be told apart, and apps are scraped as if they had no bindings.
 */
import { StoreAwayError } from '../broker/binding-store.ts';
import { sleep } from './clock.ts';
import { databaseAdvice } from './database-advice.ts';
import {
  type BindingsOptions,
  type DatabaseState,
  type OpenBindings,
  openBindings,
} from './open-bindings.ts';
import { UNBOUND } from './serve/app-settings.ts';
import type { Handler } from './serve/request.ts';
import type { SiteBindings } from './site.ts';
import { DatabaseUrlError } from './store/database-url.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

export interface Bindings extends SiteBindings {
  /** Answers below `/broker/v2`. */
  readonly broker: Handler;
  /** What became of the database when it was last asked. */
  readonly state: () => DatabaseState;
  readonly levels: () => { readonly known: number; readonly ageSeconds: number | undefined };
}

/**
 * Waits for the first attempt to open the database, not for its success.
 *
 * @param parts - takes what must be ended
 * @throws {DatabaseUrlError}
 */
export async function startBindings(
  options: BindingsOptions,
  parts: AsyncDisposableStack,
): Promise<Bindings> {
  const stop = new AbortController();
  let opened = await firstAttempt(options);
  const opening = opened ? Promise.resolve() : openLater();
  parts.defer(async () => {
    stop.abort();
    await opening;
    await opened?.[Symbol.asyncDispose]();
  });
  return {
    settingsOf: (app) => opened?.settingsOf(app) ?? UNBOUND,
    tokens: { scopeOf: async (token) => (opened ? opened.tokens.scopeOf(token) : 'unsure') },
    broker: (ctx, next) => (opened?.broker ?? notOpen)(ctx, next),
    state: () => opened?.state ?? 'away',
    levels: () => ({
      known: opened?.known.size ?? 0,
      ageSeconds: opened?.follower.ageMs === undefined ? undefined : opened.follower.ageMs / 1000,
    }),
  };

  async function openLater(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!stop.signal.aborted) {
      await sleep(pauseMs, stop.signal);
      if (stop.signal.aborted) return;
      try {
        opened = await openBindings(options);
        return options.log.info('the database of bindings is open');
      } catch (err) {
        options.log.debug('the database of bindings cannot be opened', { err }); // told already
      }
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }
}

/** What the broker answers until its database is open. */
const notOpen: Handler = (ctx) => {
  ctx.status = 503;
  ctx.set({ 'Content-Type': 'application/json', 'Retry-After': '10' });
  const description = 'the database cannot be reached at the moment: try again later';
  ctx.body = JSON.stringify({ description });
};

/** @returns undefined when the database is away, or not as it should be: scrapes go on without it */
async function firstAttempt(options: BindingsOptions): Promise<OpenBindings | undefined> {
  const { metrics, log } = options;
  try {
    return await openBindings(options);
  } catch (err) {
    if (err instanceof DatabaseUrlError) throw err;
    metrics.databaseAway();
    const isAway = err instanceof StoreAwayError;
    const told = { advice: databaseAdvice(err), err };
    if (isAway) log.warn('the database of bindings is away: it is tried again', told);
    else log.error('the database of bindings cannot be used: it is tried again', told);
    return undefined;
  }
}
