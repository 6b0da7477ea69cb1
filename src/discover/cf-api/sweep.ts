/**
 * What to ask the CF API for, and in which order.
 *
 * A full sweep reads every list. Between two full sweeps, apps and processes are asked only for
 * what has changed since (`updated_ats[gt]`), and routes are read whole, since a route that is
 * mapped to another app does not count as changed. Apps in a rolling deployment are read anew, since
 * nothing tells that a process is gone.
 */
import type { Loss } from '../listing-feed.ts';
import { CfApiError, isUnknownParameter } from './error.ts';
import { type Filters, selectsSome } from './filters.ts';
import { Lists, type ListsOptions } from './lists.ts';
import type { ListKind } from './page.ts';
import { and, asQuery, changedSince } from './sweep-query.ts';

export interface SweepOptions extends ListsOptions {
  readonly filters: Filters;
  /** A list has lost so much that the sweeper believes it only if the next full sweep agrees. */
  readonly onLoss: (loss: Loss) => void;
}

/** Guids in one URL, as the length of URLs allows. */
const BATCH = 100;
/** With more services than this, all bindings are read instead of those of the services. */
const MAX_BATCHES = 5;

/** What the API answers if the token may not see services, or the API does not know them. */
const MISSING_FEATURE: ReadonlySet<number> = new Set([400, 403, 404]);
const INCLUDED = ['spaces', 'organizations', 'domains'] as const;

export class Sweeper {
  readonly #options: SweepOptions;
  readonly #lists: Lists;
  /** Whether the API knows the parameter that asks for changes. */
  #knowsChanges = true;
  /** The last sweep missed more than half of a list. */
  #doubts = false;
  /** The present sweep decides about what the last one missed. */
  #decides = false;

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#lists = new Lists(options);
  }

  /** Whether `changes` makes sense: the API knows the parameter, and no list is doubted. */
  get readsChanges(): boolean {
    return this.#knowsChanges && !this.#doubts;
  }

  /** Reads every list. @throws {SourceError} when one of apps, processes and routes fails */
  async full(signal: AbortSignal): Promise<void> {
    this.#decides = this.#doubts;
    this.#doubts = false;
    const hasApps = await this.#whole('apps', this.#appsPath(), signal);
    const hasRoutes = await this.#ofApps(this.#narrow(), signal);
    await this.#registrations(signal);
    if (!hasApps || !hasRoutes) return;
    for (const kind of INCLUDED) {
      const kept = this.#options.inventory.keptOf(kind);
      kept.end();
      kept.begin();
    }
  }

  /** Reads the processes and routes of all selected apps. @returns whether it has every route */
  async #ofApps(narrow: string | undefined, signal: AbortSignal): Promise<boolean> {
    if (narrow === undefined) {
      this.#none('processes');
      this.#none('routes');
      return true;
    }
    if (narrow !== '') this.#dropUnselected();
    await this.#whole(
      'processes',
      this.#lists.withStates(`/v3/processes${asQuery(narrow)}`),
      signal,
    );
    return this.#whole('routes', `/v3/routes?include=domain${and(narrow)}`, signal);
  }

  /** Else the narrowed list would miss these processes, and promgate ask about each of them. */
  #dropUnselected(): void {
    const { inventory } = this.#options;
    for (const { guid, appId } of [...inventory.processes.all()]) {
      const app = inventory.apps.get(appId);
      if (!app || !inventory.selects(app)) inventory.processes.drop(guid);
    }
  }

  /** Reads what changed since the last call. @throws {SourceError} as `full` */
  async changes(signal: AbortSignal): Promise<void> {
    this.#decides = false;
    const { apps, processes } = this.#options.inventory;
    const [appsSince, processesSince] = [changedSince(apps.all()), changedSince(processes.all())];
    try {
      await this.#lists.read('apps', `${this.#appsPath()}${and(appsSince)}`, signal);
      const narrow = this.#narrow();
      if (narrow === undefined) return this.#none('processes');
      const query = asQuery([narrow, processesSince].filter(Boolean).join('&'));
      await this.#lists.read('processes', this.#lists.withStates(`/v3/processes${query}`), signal);
    } catch (error) {
      if (!isUnknownParameter(error)) throw error;
      this.#knowsChanges = false;
      return this.full(signal);
    }
    await this.#rolling(signal);
    await this.#whole('routes', `/v3/routes?include=domain${and(this.#narrow() ?? '')}`, signal);
  }

  #appsPath(): string {
    const { labelSelector } = this.#options.filters;
    const labels =
      labelSelector === undefined ? '' : `&label_selector=${encodeURIComponent(labelSelector)}`;
    return `/v3/apps?include=space.organization${labels}`;
  }

  /**
   * The query that leaves out what belongs to other apps, if the filters leave out much.
   *
   * @returns undefined if no app is selected
   */
  #narrow(): string | undefined {
    const { filters, inventory } = this.#options;
    if (!selectsSome(filters)) return '';
    const [apps, spaces] = [new Set<string>(), new Set<string>()];
    for (const app of inventory.apps.all()) {
      if (!inventory.selects(app)) continue;
      apps.add(app.guid);
      spaces.add(app.spaceId);
      if (spaces.size > BATCH) return '';
    }
    if (apps.size === 0) return undefined;
    if (apps.size <= BATCH) return `app_guids=${[...apps].join(',')}`;
    return `space_guids=${[...spaces].join(',')}`;
  }

  /**
   * Reads a list that replaces what is known, and asks about what it misses.
   *
   * @returns false if resources are missing from the pages, or more than half of what was known:
   * then nothing is dropped
   */
  async #whole(
    kind: 'apps' | 'processes' | 'routes',
    path: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const kept = this.#options.inventory.keptOf(kind);
    kept.begin();
    const { complete } = await this.#lists.read(kind, path, signal);
    if (!complete) return false;
    const missing = kept.missing();
    if (missing.length * 2 > kept.size && !this.#decides) {
      this.#doubts = true;
      this.#options.onLoss({ list: kind, apps: kept.size - missing.length, appsBefore: kept.size });
      kept.end();
      return false;
    }
    if (kind !== 'routes' && missing.length > 0 && missing.length <= BATCH) {
      const query = `guids=${missing.join(',')}`;
      const again = kind === 'apps' ? `${this.#appsPath()}&${query}` : `/v3/processes?${query}`;
      const answer = await this.#lists.read(kind, again, signal);
      for (const guid of answer.complete ? kept.missing() : []) kept.drop(guid);
    }
    kept.end();
    return true;
  }

  /** No app is selected, so there is nothing to ask for. */
  #none(kind: ListKind): void {
    const kept = this.#options.inventory.keptOf(kind);
    kept.begin();
    kept.end();
  }

  /** Reads the processes of apps with several of one type, some of which may be gone by now. */
  async #rolling(signal: AbortSignal): Promise<void> {
    const { processes } = this.#options.inventory;
    const apps = new Set<string>();
    for (const [, own] of Map.groupBy(processes.all(), ({ appId, type }) => `${type} ${appId}`)) {
      if (own.length > 1) apps.add(own[0]!.appId); // groups are not empty
    }
    const guids = [...apps];
    for (let from = 0; from < guids.length; from += BATCH) {
      const batch = new Set(guids.slice(from, from + BATCH));
      const seen = new Set<string>();
      const path = this.#lists.withStates(`/v3/processes?app_guids=${[...batch].join(',')}`);
      const { complete } = await this.#lists.read('processes', path, signal, (chunk) => {
        for (const { guid } of chunk.records) seen.add(guid);
      });
      if (!complete) continue;
      for (const one of [...processes.all()]) {
        if (batch.has(one.appId) && !seen.has(one.guid)) processes.drop(one.guid);
      }
    }
  }

  /** The services of the metric registrar. A token that may not read them does without. */
  async #registrations(signal: AbortSignal): Promise<void> {
    const { services, bindings } = this.#options.inventory;
    try {
      services.begin();
      const list = await this.#lists.read(
        'services',
        '/v3/service_instances?type=user-provided',
        signal,
      );
      if (list.complete) services.end();
      const guids = Array.from(services.all(), ({ guid }) => guid);
      bindings.begin();
      const complete = await this.#bindings(guids, signal);
      if (complete) bindings.end();
    } catch (error) {
      if (!(error instanceof CfApiError) || !MISSING_FEATURE.has(error.status)) throw error;
    }
  }

  async #bindings(services: readonly string[], signal: AbortSignal): Promise<boolean> {
    const path = '/v3/service_credential_bindings?type=app';
    if (services.length > BATCH * MAX_BATCHES) {
      return (await this.#lists.read('service-bindings', path, signal)).complete;
    }
    let complete = true;
    for (let from = 0; from < services.length; from += BATCH) {
      const batch = services.slice(from, from + BATCH).join(',');
      const ofBatch = `${path}&service_instance_guids=${batch}`;
      const list = await this.#lists.read('service-bindings', ofBatch, signal);
      complete &&= list.complete;
    }
    return complete;
  }
}
