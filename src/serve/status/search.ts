/**
 * Finds the apps that a reader may see and asks for, and cuts one page out of them.
 */
import { everyTurn, takeSteps } from '../../clock.ts';
import { Problem } from '../errors.ts';
import { type Scope, sees } from '../scope.ts';
import type { ListedApp } from './directory.ts';

/** `failing`: an instance failed when last asked; `unasked`: none was asked yet. */
const STATES = ['failing', 'up', 'unasked'] as const;

type AppState = (typeof STATES)[number];

export interface Search {
  /** In lower case; an app must hold all of them. */
  readonly terms: readonly string[];
  readonly state: AppState | 'all';
  readonly offset: number;
  readonly limit: number;
}

/** How many apps match the terms, by state. */
type Counts = Readonly<Record<AppState | 'all', number>>;

export interface Found {
  readonly counts: Counts;
  readonly apps: readonly ListedApp[];
}

export interface SearchedApps {
  readonly apps: readonly ListedApp[];
  readonly scope: Scope;
  /** How many instances of an app failed when last asked; undefined if none was asked yet. */
  readonly downOf: (appId: string) => number | undefined;
}

const TURN_MS = 4;
/** How many apps are looked at between two looks at the clock. */
const STEP = 256;

const MAX_QUERY_LENGTH = 200;
const MAX_TERMS = 8;
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100;

/** @throws {Problem} `bad-request` */
export function parseSearch(query: string): Search {
  const params = new URLSearchParams(query);
  const text = params.get('q') ?? '';
  if (text.length > MAX_QUERY_LENGTH) {
    throw new Problem('bad-request', `q has more than ${MAX_QUERY_LENGTH} characters`);
  }
  const terms = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (terms.length > MAX_TERMS) {
    throw new Problem('bad-request', `q has more than ${MAX_TERMS} words`);
  }
  const state = params.get('state') ?? 'all';
  if (state !== 'all' && !isState(state)) {
    throw new Problem('bad-request', `state must be all, ${STATES.join(', ')}`);
  }
  return { terms, state, ...parsePage(params) };
}

/** @throws {Problem} `bad-request` */
export function parsePage(params: URLSearchParams): Pick<Search, 'offset' | 'limit'> {
  return {
    offset: whole(params, 'offset', { otherwise: 0, most: 1_000_000_000 }),
    limit: whole(params, 'limit', { otherwise: DEFAULT_LIMIT, most: MAX_LIMIT }),
  };
}

/** Works in slices: other requests run in between. */
export function searchApps(searched: SearchedApps, search: Search): Promise<Found> {
  return takeSteps(searching(searched, search), everyTurn(TURN_MS));
}

function* searching(
  { apps, scope, downOf }: SearchedApps,
  { terms, state, offset, limit }: Search,
): Generator<void, Found, void> {
  const counts = { all: 0, failing: 0, up: 0, unasked: 0 };
  const page: ListedApp[] = [];
  let place = 0;
  let step = 0;
  for (const app of apps) {
    if (++step % STEP === 0) yield;
    // The scope first: the time of a search must not tell of names that the reader may not see.
    if (!sees(scope, app) || !terms.every((term) => app.text.includes(term))) continue;
    const own = stateOf(downOf(app.appId));
    counts.all += 1;
    counts[own] += 1;
    if (state !== 'all' && state !== own) continue;
    if (place >= offset && page.length < limit) page.push(app);
    place += 1;
  }
  return { counts, apps: page };
}

function stateOf(down: number | undefined): AppState {
  if (down === undefined) return 'unasked';
  return down > 0 ? 'failing' : 'up';
}

function isState(text: string): text is AppState {
  return STATES.some((state) => state === text);
}

function whole(
  params: URLSearchParams,
  name: string,
  { otherwise, most }: { readonly otherwise: number; readonly most: number },
): number {
  const text = params.get(name);
  if (text === null) return otherwise;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  throw new Problem('bad-request', `${name} must be a whole number of at most ${most}`);
}
