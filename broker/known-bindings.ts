/**
 * All bindings in memory: the pages of each app, and the scope of each token. Bindings of the push
 * plan say nothing of an app's pages.
 *
 * Scrapes read only this memory, never a database. `src/store/follower.ts` brings the changes.
 */
import type { Binding, Changes } from './binding-store.ts';
import { isSameGuid, normalizeGuid } from './guid.ts';
import type { BindingSettings, Pair } from './parameters.ts';
import { isOfPushPlan, type PushScope, pushScope } from './push-place.ts';

type BoundProcess = 'web' | 'worker' | 'all';

/** One page of metrics that every instance of an app has. */
export interface BoundPage {
  /** Path and query as in a request line; undefined: the path that the reader asks for. */
  readonly path: string | undefined;
  /** The container port; undefined: that to which the app's routes lead. */
  readonly port?: number | undefined;
  /** The only route to ask by, perhaps with a port; undefined or '': any. */
  readonly host?: string | undefined;
  /** Whether the page must not be asked for without TLS. */
  readonly onlyTls?: boolean | undefined;
  /** Names and values in turn; they replace the reader's headers of the same names. */
  readonly headers: readonly string[];
  /** Counted from the request to the instance; the reader's deadline may be earlier. */
  readonly timeoutMs: number | undefined;
  /** Labels of all samples of the page, after the labels that promgate adds. */
  readonly labels: readonly Pair[];
  /** Globs (`*` and `?`) of the metric names to keep; empty: all. */
  readonly allow: readonly string[];
  /** Globs of the metric names to drop, even if `allow` keeps them. */
  readonly deny: readonly string[];
}

/** The settings of all bindings of an app together. */
export interface BoundApp {
  /** The processes to ask if the reader names none. */
  readonly process: BoundProcess;
  /** At least one, in the order in which they are merged. */
  readonly pages: readonly BoundPage[];
  /** How old an answer may be; undefined if no binding says. */
  readonly cacheMs: number | undefined;
}

/** What a token reads: an app in its space; for a service key the whole space. */
export interface TokenScope {
  /** Undefined for a service key. */
  readonly appId: string | undefined;
  /** '' if the platform named no space: the app's guid alone decides then. */
  readonly spaceId: string;
}

export interface KnownBindingsOptions {
  /** Reads the settings of a binding. Must not throw. */
  readonly settingsOf: (binding: Binding) => BindingSettings;
  /** Called, once after each change of the app's bindings, if these exceed `MAX`. */
  readonly onBound?: (appId: string) => void;
}

/** Bounds for one app: each entry costs time at every scrape, and every developer may bind. */
const MAX = { bindings: 100, pages: 32, labels: 20, headers: 32 } as const;

/** Bound on the cached spaces of one app; a faulty route table may list an app in several. */
const MAX_SPACES = 4;

export class KnownBindings {
  readonly #options: KnownBindingsOptions;
  readonly #byId = new Map<string, Binding>();
  readonly #byApp = new Map<string, Set<Binding>>();
  readonly #byToken = new Map<string, TokenScope | PushScope>();
  /** App -> space -> settings, computed at the first request for them. */
  readonly #apps = new Map<string, Map<string, BoundApp | undefined>>();

  constructor(options: KnownBindingsOptions) {
    this.#options = options;
  }

  /** How many bindings have gone, or were replaced: their tokens may open nothing now. */
  removals = 0;

  /** The number of known bindings. */
  get size(): number {
    return this.#byId.size;
  }

  apply({ whole, bindings, removed }: Omit<Changes, 'mark'>): void {
    if (whole) {
      const left = new Set(this.#byId.keys());
      for (const { id } of bindings) left.delete(id);
      for (const id of left) this.#remove(id);
    }
    for (const id of removed) this.#remove(id);
    for (const binding of bindings) this.#add(binding);
  }

  /**
   * Adds a binding, or replaces the known binding of that id. After a restored backup, revisions
   * may be lower, or the same revision may have another token.
   */
  #add(binding: Binding): void {
    const known = this.#byId.get(binding.id);
    if (known?.revision === binding.revision && known.tokenHash === binding.tokenHash) return;
    this.#remove(binding.id);
    this.#byId.set(binding.id, binding);
    const pushes = isOfPushPlan(binding);
    this.#byToken.set(binding.tokenHash, pushes ? pushScope(binding) : binding);
    if (binding.appId === undefined || pushes) return;
    const appId = normalizeGuid(binding.appId);
    const ofApp = this.#byApp.get(appId) ?? new Set();
    this.#byApp.set(appId, ofApp.add(binding));
    this.#apps.delete(appId);
  }

  #remove(id: string): void {
    const binding = this.#byId.get(id);
    if (binding === undefined) return;
    this.removals += 1;
    this.#byId.delete(id);
    this.#byToken.delete(binding.tokenHash);
    if (binding.appId === undefined) return;
    const appId = normalizeGuid(binding.appId);
    const ofApp = this.#byApp.get(appId);
    ofApp?.delete(binding);
    if (ofApp?.size === 0) this.#byApp.delete(appId);
    this.#apps.delete(appId);
  }

  /**
   * Ignores bindings that name another space than the app's: their creator may know nothing of the
   * app but its guid.
   *
   * @param appId - a guid in lower case, from the route table
   * @param spaceId - the app's space, from the route table
   * @returns undefined for an app without bindings
   */
  appOf(appId: string, spaceId: string): BoundApp | undefined {
    const bindings = this.#byApp.get(appId);
    if (bindings === undefined) return undefined;
    const bySpace = this.#apps.get(appId) ?? new Map<string, BoundApp | undefined>();
    if (bySpace.has(spaceId)) return bySpace.get(spaceId);
    const own = [...bindings].filter(
      (one) => one.spaceId === '' || isSameGuid(one.spaceId, spaceId),
    );
    const app = own.length === 0 ? undefined : this.#unite(appId, own.sort(byRevision));
    if (bySpace.size < MAX_SPACES) this.#apps.set(appId, bySpace.set(spaceId, app));
    return app;
  }

  #unite(appId: string, bindings: readonly Binding[]): BoundApp {
    const { settingsOf, onBound } = this.#options;
    const app = unite(bindings.slice(0, MAX.bindings).map(settingsOf));
    const pages = app.pages.slice(0, MAX.pages).map(boundPage);
    const isWhole =
      bindings.length <= MAX.bindings &&
      app.pages.length === pages.length &&
      pages.every((page, at) => page === app.pages[at]);
    if (!isWhole) onBound?.(appId);
    return { ...app, pages };
  }

  /**
   * @param tokenHash - SHA-256 in hexadecimal
   * @returns undefined if no known binding has this token
   */
  scopeOf(tokenHash: string): TokenScope | PushScope | undefined {
    return this.#byToken.get(tokenHash);
  }
}

/**
 * Unites the bindings of one app, given in the order of creation.
 *
 * The app has every bound path once, and the reader's path only if no path is bound. For each page
 * an earlier binding's setting wins; a later binding may add what the earlier one leaves out.
 */
function unite(settings: readonly BindingSettings[]): BoundApp {
  const all = settings.flatMap(pagesOf);
  const bound = all.filter(({ path }) => path !== undefined);
  const byPlace = Map.groupBy(bound.length > 0 ? bound : all, placeOf);
  const processes = new Set(settings.flatMap(({ process }) => process ?? []));
  const [process = 'web', ...others] = processes;
  return {
    process: others.length > 0 ? 'all' : process,
    pages: [...byPlace.values().map(joinPages)],
    cacheMs: settings.find(({ cacheMs }) => cacheMs !== undefined)?.cacheMs,
  };
}

/** @returns the same object if the page is within the bounds */
function boundPage(page: BoundPage): BoundPage {
  const { labels, headers } = page;
  if (labels.length <= MAX.labels && headers.length <= 2 * MAX.headers) return page;
  return {
    ...page,
    labels: labels.slice(0, MAX.labels),
    headers: headers.slice(0, 2 * MAX.headers),
  };
}

function byRevision(a: Binding, b: Binding): number {
  return a.revision - b.revision;
}

/** One page: the same path at another container port is another page. */
function placeOf({ path, port }: BoundPage): string {
  return `${port ?? ''} ${path ?? ''}`;
}

function pagesOf(settings: BindingSettings): BoundPage[] {
  const { endpoints, port, headers, timeoutMs, labels, allow, deny } = settings;
  const shared = { headers: headers.flat(), timeoutMs, allow, deny };
  if (endpoints.length === 0) return [{ path: undefined, ...atPort(port), ...shared, labels }];
  return endpoints.map(({ path, port: ownPort, labels: own }) => ({
    ...{ path, ...atPort(ownPort), ...shared },
    labels: [...new Map([...labels, ...own])],
  }));
}

function atPort(port: number | undefined): { readonly port?: number } {
  return port === undefined ? {} : { port };
}

function joinPages(pages: readonly BoundPage[]): BoundPage {
  return pages.reduce((earlier, later) => ({
    ...{ path: earlier.path, ...atPort(earlier.port) },
    headers: joinHeaders(earlier.headers, later.headers),
    timeoutMs: earlier.timeoutMs ?? later.timeoutMs,
    labels: [...new Map([...earlier.labels, ...later.labels, ...earlier.labels])],
    allow: earlier.allow.length > 0 ? earlier.allow : later.allow,
    deny: earlier.deny.length > 0 ? earlier.deny : later.deny,
  }));
}

function joinHeaders(earlier: readonly string[], later: readonly string[]): string[] {
  const names = new Set(earlier.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()));
  const added = later.filter((_, at) => !names.has(later[at - (at % 2)]!.toLowerCase()));
  return [...earlier, ...added];
}
