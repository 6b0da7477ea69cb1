/**
 * The merged pages of apps, shared by readers who ask for the same at the same time, and kept as
 * `cache.mode` and the bindings of the app say.
 *
 * The key of a page says of whom it was asked, and how: a page of an instance that has left the
 * table, or whose bindings have changed, has another key and never goes out.
 */

import type { BoundApp } from '../../broker/known-bindings.ts';
import type { Endpoint, Instance } from '../discover/instance.ts';
import { withDeadlineOf } from '../fetch/deadline.ts';
import { decisiveHeaders, hasCredentials, type ScrapeHeaders } from '../fetch/forward.ts';
import type { Run, Waiter } from '../refresh/flight.ts';
import type { Loaded } from '../refresh/kept-answers.ts';
import { keyMaker } from '../refresh/key.ts';
import { endOf, type Kind, type Life } from '../refresh/life.ts';
import type { Refresher } from '../refresh/refresher.ts';
import type { Ask, From, Kept, WarmCache } from '../refresh/warm-cache.ts';
import {
  type AppPage,
  type AppPageRequest,
  type AppPageSettings,
  loadAppPage,
} from './app-page.ts';
import type { SettingsOf } from './app-settings.ts';
import { type ReaderPage, SharedPage } from './shared-page.ts';

export interface AppPagesOptions extends AppPageSettings {
  readonly settingsOf: SettingsOf;
  readonly cache: WarmCache<SharedPage>;
  /** Undefined: pages are not refreshed in the background. */
  readonly refresher: Refresher | undefined;
  /** The life of pages whose bindings say nothing; `LIVE` keeps none. */
  readonly life: Life;
  /** Changes whenever the route table does. */
  readonly tableVersion: () => number;
  /** `cache.with_credentials` */
  readonly withCredentials: boolean;
  /** Called with each answer. Must not throw. */
  readonly onAnswer?: ((from: From) => void) | undefined;
}

/** What equal requests ask for. */
export interface AskedAppPage
  extends Pick<AppPageRequest, 'instances' | 'withExporters' | 'style' | 'path' | 'negotiated'> {
  /** The path of the request, by which an operator purges the page. */
  readonly name: string;
  /** How long a reader may wait. */
  readonly timeoutMs: number;
  /** The headers for the instances; those of equal requests differ only in harmless ones. */
  readonly headers: ScrapeHeaders;
  /** Selects the instances again, as the table has them then. */
  readonly select: () => readonly Instance[];
}

/** What follows from what is asked, as long as neither the instances nor their bindings change. */
export interface PreparedAppPage extends Pick<Ask<SharedPage>, 'life'> {
  readonly asked: AskedAppPage;
  readonly key: string;
  readonly tags: readonly string[];
  /** Whether the instances get a credential of the reader. */
  readonly withCredentials: boolean;
  /** Whether the instances and their bindings are still the same. */
  readonly isCurrent: () => boolean;
}

/** Who reads a page. */
export interface AppPageReader extends Pick<AppPageRequest, 'deadlineMs' | 'signal' | 'hurry'> {
  /** Tells readers apart, to expect each. */
  readonly reader: string;
  /** Gives the headers for the instances, if they are asked for this reader. */
  readonly headers: () => ScrapeHeaders;
}

/** The page of one reader, and where it came from. */
export interface KeptAppPage extends Omit<Kept<SharedPage>, 'value'> {
  readonly page: ReaderPage;
  /** Whether pages of this app are kept at all. */
  readonly isKept: boolean;
  /** Whether the instances got a credential of the reader. */
  readonly withCredentials: boolean;
  /**
   * The same page for a later request that asks the same, and counts that request; undefined if it
   * is not fresh any more, or the instances or their bindings may have changed.
   */
  readonly current: (reader: string) => KeptAppPage | undefined;
}

/** The share of its own patience that a reader wants of a page that lacks instances for want of time. */
const PATIENCE = 0.9;
/** A load that ends so shortly before its deadline may have ended for it. */
const NEAR_MS = 100;

export class AppPages {
  readonly #options: AppPagesOptions;
  readonly #key = keyMaker();
  readonly #ids = new WeakMap<object, number>();
  #lastId = 0;

  constructor(options: AppPagesOptions) {
    this.#options = options;
  }

  /** Prepares what all equal requests have in common. */
  prepare(asked: AskedAppPage): PreparedAppPage {
    const { tableVersion, settingsOf } = this.#options;
    const version = tableVersion();
    const apps = new Map(asked.instances.map(({ app }) => [app.appId, app]));
    const settings = [...apps.values()].map((app) => [app, settingsOf(app)] as const);
    return {
      asked,
      key: this.#keyOf(asked),
      life: this.#lifeOf(asked.instances),
      tags: tagsOf(asked),
      withCredentials: hasCredentials(asked.headers.instances),
      isCurrent: () =>
        tableVersion() === version && settings.every(([app, before]) => settingsOf(app) === before),
    };
  }

  /** @throws the reason of the reader's signal when it has left */
  async get(prepared: PreparedAppPage, reader: AppPageReader): Promise<KeptAppPage> {
    const { cache, refresher } = this.#options;
    const { key } = prepared;
    this.#watch(prepared, reader.reader);
    const kept = await cache.get(key, this.#ask(prepared, reader));
    const isOfUse = kept.kind !== 'denied' && cache.keeps(key);
    if (!isOfUse) refresher?.forget(key); // and the credential with it
    return this.#page(kept, prepared);
  }

  #page({ value, ...kept }: Kept<SharedPage>, prepared: PreparedAppPage): KeptAppPage {
    this.#options.onAnswer?.(kept.from);
    const { life, withCredentials } = prepared;
    return {
      ...kept,
      ...{ page: value.reader(), isKept: endOf(life) > 0, withCredentials },
      current: (reader) => this.#current(prepared, reader),
    };
  }

  #current(prepared: PreparedAppPage, reader: string): KeptAppPage | undefined {
    if (!prepared.isCurrent()) return undefined;
    const { key, life, tags, asked } = prepared;
    const kept = this.#options.cache.fresh(key, { life, tags, isValid: isValidFor(asked) });
    if (!kept) return undefined;
    this.#watch(prepared, reader);
    return this.#page(kept, prepared);
  }

  /** Lets the page be refreshed, if its app's life and its credentials allow that. */
  #watch({ key, asked, life, withCredentials }: PreparedAppPage, reader: string): void {
    const { refresher } = this.#options;
    if (!refresher || endOf(life) <= 0) return;
    if (withCredentials && !this.#options.withCredentials) return;
    const [{ app, endpoint }] = asked.instances as [Instance]; // nobody asks without instances
    const host = app.appId || endpoint.address;
    refresher.read(key, reader, {
      ...{ host, ttlMs: life.ttlMs },
      refresh: (signal) => this.#refresh(key, asked, signal),
    });
  }

  async #refresh(key: string, asked: AskedAppPage, signal: AbortSignal): Promise<boolean> {
    const { cache } = this.#options;
    const next = this.prepare({ ...asked, instances: asked.select() });
    if (next.asked.instances.length === 0 || next.key !== key) return false;
    const deadlineMs = performance.now() + asked.timeoutMs;
    const ask = this.#ask(next, { deadlineMs, signal, headers: () => asked.headers });
    const kind = await cache.refresh(key, ask);
    return kind !== 'denied' && cache.keeps(key);
  }

  #ask(prepared: PreparedAppPage, reader: Omit<AppPageReader, 'reader'>): Ask<SharedPage> {
    const { asked, life, tags } = prepared;
    const { deadlineMs, signal, hurry, headers } = reader;
    return {
      ...{ deadlineMs, signal, hurry, life, tags },
      isValid: isValidFor(asked),
      load: (run) => this.#load(prepared, headers(), run),
    };
  }

  /** The shortest life that any of the apps demands. */
  #lifeOf(instances: readonly Instance[]): Life {
    const { settingsOf, life } = this.#options;
    let shortestMs: number | undefined;
    for (const { app } of instances) {
      const { cacheMs } = settingsOf(app);
      if (cacheMs !== undefined) shortestMs = Math.min(cacheMs, shortestMs ?? cacheMs);
    }
    if (shortestMs === undefined) return life;
    return { ttlMs: shortestMs, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };
  }

  async #load(
    { asked, life, withCredentials }: PreparedAppPage,
    headers: ScrapeHeaders,
    run: Run<Loaded<SharedPage>>,
  ): Promise<Loaded<SharedPage>> {
    const { settingsOf } = this.#options;
    const beganMs = performance.now();
    const request: Omit<AppPageRequest, 'deadlineMs'> = {
      ...asked,
      ...{ settingsOf, headers, signal: run.signal, hurry: run.hurry },
      onAnswered: () => run.endsSoon(),
      offer: (soFar) => run.offer(async (waiter: Waiter) => loaded(await soFar(waiter))),
    };
    const page = await loadAppPage(this.#options, withDeadlineOf(run, request));
    const shared = loaded(page, { withCredentials, givenMs: givenMs(run, beganMs) });
    if (endOf(life) <= 0) return shared;
    if (shared.kind !== 'good') {
      // The deadline was this reader's: the next one may have more time.
      return Number.isFinite(shared.value.patienceMs) ? { ...shared, maxTtlMs: 0 } : shared;
    }
    try {
      return { ...shared, sizeBytes: shared.sizeBytes + (await shared.value.keep()) };
    } catch (error) {
      shared.value.release();
      throw error;
    }
  }

  #keyOf({ instances, withExporters, style, path, negotiated, headers }: AskedAppPage): string {
    const { settingsOf } = this.#options;
    const settings = new Set<BoundApp>(instances.map(({ app }) => settingsOf(app)));
    return this.#key([
      instances.map((one) => this.#instanceId(one)).join(' '),
      [...settings].map((one) => this.#id(one)).join(' '),
      `${withExporters} ${style}`,
      path,
      JSON.stringify(negotiated),
      ...decisiveHeaders(headers.instances),
    ]);
  }

  /** Differs whenever anything that the table says of the instance does. */
  #instanceId({ endpoint, host, ambiguous = false, others = [] }: Instance): string {
    const endpoints: readonly Endpoint[] = [endpoint, ...others.map((one) => one.endpoint)];
    const ids = endpoints.map((one) => this.#id(one)).join('+');
    return `${ids}${ambiguous ? '?' : ''}@${host}`;
  }

  /** A number that no other object has. */
  #id(of: object): number {
    let id = this.#ids.get(of);
    if (id === undefined) {
      id = ++this.#lastId;
      this.#ids.set(of, id);
    }
    return id;
  }
}

/** Who can wait longer must not hear that an instance is down which another would not wait for. */
function isValidFor({ timeoutMs }: AskedAppPage): (page: SharedPage) => boolean {
  return ({ patienceMs }) => patienceMs >= timeoutMs * PATIENCE;
}

function tagsOf({ instances, name }: AskedAppPage): string[] {
  const tags = instances.flatMap(({ app: { appId, spaceId, organizationId } }) => [
    ...[`app:${appId}`, `space:${spaceId}`, `organization:${organizationId}`],
  ]);
  return [...new Set([...tags, `key:${name}`])];
}

/** How long a load could take: without end if it has ended well before the deadline. */
function givenMs({ deadlineMs, hurry }: Run<unknown>, beganMs: number): number {
  const nowMs = performance.now();
  const isOver = hurry.aborted || deadlineMs - nowMs < NEAR_MS;
  return isOver ? nowMs - beganMs : Number.POSITIVE_INFINITY;
}

interface LoadedHow {
  readonly withCredentials?: boolean;
  readonly givenMs?: number;
}

function loaded(
  page: AppPage,
  { withCredentials = false, givenMs }: LoadedHow = {},
): Loaded<SharedPage> {
  const value = new SharedPage(page, givenMs);
  return { value, kind: kindOf(page, withCredentials), sizeBytes: value.sizeBytes };
}

function kindOf({ outcomes }: AppPage, withCredentials: boolean): Kind {
  const isDenied = ({ status }: { readonly status: number | undefined }): boolean =>
    status === 401 || status === 403;
  if (withCredentials && outcomes.some(isDenied)) return 'denied';
  if (outcomes.every(({ status }) => status === 404)) return 'not-found';
  return outcomes.every(({ failure }) => failure !== undefined) ? 'failed' : 'good';
}
