/**
 * What all bindings say, in memory: which pages an app has, and what a token opens.
 *
 * Scrapes ask here and never a database. Fed with `Changes` of a store, in any order of replicas.
 */
import type { Binding, Changes } from './binding-store.ts';
import { isSameGuid, normalizeGuid } from './guid.ts';
import type { BindingSettings, Pair } from './parameters.ts';

type BoundProcess = 'web' | 'worker' | 'all';

/** One page that every instance of an app has. */
interface BoundPage {
  /** Undefined: none is bound, the reader says which. */
  readonly path: string | undefined;
  /** Name, value, … */
  readonly headers: readonly string[];
  readonly timeoutMs: number | undefined;
  readonly labels: readonly Pair[];
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** What the bindings of an app say together. */
export interface BoundApp {
  readonly process: BoundProcess;
  /** At least one. */
  readonly pages: readonly BoundPage[];
}

/** What a token opens: an app in its space, or with a service key a whole space. */
export interface TokenScope {
  readonly appId: string | undefined;
  readonly spaceId: string;
}

export interface KnownBindingsOptions {
  /** What a binding says. Must not throw. */
  readonly settingsOf: (binding: Binding) => BindingSettings;
  /** The bindings of an app say more than is used: `MAX`. Told once for each change of them. */
  readonly onBound?: (appId: string) => void;
}

/** What the bindings of one app may unite to: each costs at every scrape, and anybody may bind. */
const MAX = { bindings: 100, pages: 32, labels: 20, headers: 32 } as const;

/** An app is in one space; while a table is wrong it may seem to be in several. */
const MAX_SPACES = 4;

export class KnownBindings {
  readonly #options: KnownBindingsOptions;
  readonly #byId = new Map<string, Binding>();
  readonly #byApp = new Map<string, Set<Binding>>();
  readonly #byToken = new Map<string, Binding>();
  /** App -> space -> what holds there; worked out when first asked for. */
  readonly #apps = new Map<string, Map<string, BoundApp | undefined>>();

  constructor(options: KnownBindingsOptions) {
    this.#options = options;
  }

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
   * Adds a binding; one that is known already is replaced, by another revision too, or by the same
   * one with another token: a backup may have been restored in between.
   */
  #add(binding: Binding): void {
    const known = this.#byId.get(binding.id);
    if (known?.revision === binding.revision && known.tokenHash === binding.tokenHash) return;
    this.#remove(binding.id);
    this.#byId.set(binding.id, binding);
    this.#byToken.set(binding.tokenHash, binding);
    if (binding.appId === undefined) return;
    const appId = normalizeGuid(binding.appId);
    const ofApp = this.#byApp.get(appId) ?? new Set();
    this.#byApp.set(appId, ofApp.add(binding));
    this.#apps.delete(appId);
  }

  #remove(id: string): void {
    const binding = this.#byId.get(id);
    if (binding === undefined) return;
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
   * A binding that names another space than the app's says nothing of it: whoever made it may know no
   * more of the app than its guid.
   *
   * @param appId - a guid in lower case, as the route table has it
   * @param spaceId - of the app, as the route table has it
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

  /** @param tokenHash - SHA-256 in hexadecimal */
  scopeOf(tokenHash: string): TokenScope | undefined {
    return this.#byToken.get(tokenHash);
  }
}

/**
 * Several bindings of one app, in the order of their creation.
 *
 * Bound paths are united and beat the reader's; a path that is bound twice is one page. What an
 * earlier binding says of a page holds; what it leaves open a later one may say.
 */
function unite(settings: readonly BindingSettings[]): BoundApp {
  const all = settings.flatMap(pagesOf);
  const bound = all.filter(({ path }) => path !== undefined);
  const byPath = Map.groupBy(bound.length > 0 ? bound : all, ({ path }) => path);
  const processes = new Set(settings.flatMap(({ process }) => process ?? []));
  const [process = 'web', ...others] = processes;
  return {
    process: others.length > 0 ? 'all' : process,
    pages: [...byPath.values().map(joinPages)],
  };
}

/** @returns the same page if it is within the bounds */
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

function pagesOf(settings: BindingSettings): BoundPage[] {
  const { endpoints, headers, timeoutMs, labels, allow, deny } = settings;
  const shared = { headers: headers.flat(), timeoutMs, allow, deny };
  if (endpoints.length === 0) return [{ path: undefined, ...shared, labels }];
  return endpoints.map(({ path, labels: own }) => ({
    ...{ path, ...shared },
    labels: [...new Map([...labels, ...own])],
  }));
}

function joinPages(pages: readonly BoundPage[]): BoundPage {
  return pages.reduce((earlier, later) => ({
    path: earlier.path,
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
