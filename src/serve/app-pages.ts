/**
 * The merged pages of apps, shared by readers who ask for the same at the same time, and kept as
 * `cache.mode` and the bindings of the app say.
 *
 * The key of a page says of whom it was asked, and how: a page of an instance that has left the
 * table, or whose bindings have changed, has another key and never goes out.
 */
import type { BoundApp } from '../../broker/known-bindings.ts';
import type { Endpoint, Instance } from '../discover/instance.ts';
import { decisiveHeaders, hasCredentials } from '../fetch/forward.ts';
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

/** What a reader asks for; `again` asks for the same later, of the instances that run then. */
export interface AskedAppPage extends Omit<AppPageRequest, 'offer' | 'onAnswered'> {
  /** The path of the request, by which an operator purges the page. */
  readonly name: string;
  /** Tells readers apart, to expect each. */
  readonly reader: string;
  /** How long the reader may wait. */
  readonly timeoutMs: number;
  readonly again: (deadline: Pick<AppPageRequest, 'deadlineMs' | 'signal'>) => AskedAppPage;
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

/** What the answers to equal requests have in common. */
type ReadOf = Pick<KeptAppPage, 'isKept' | 'withCredentials' | 'current'>;

export class AppPages {
  readonly #options: AppPagesOptions;
  readonly #key = keyMaker();
  readonly #ids = new WeakMap<object, number>();
  #lastId = 0;

  constructor(options: AppPagesOptions) {
    this.#options = options;
  }

  /** @throws the reason of the reader's signal when it has left */
  async get(asked: AskedAppPage): Promise<KeptAppPage> {
    const ask = this.#ask(asked);
    const key = this.#keyOf(asked);
    const of = this.#read(key, asked, ask);
    this.#watch(key, asked, ask);
    const kept = await this.#options.cache.get(key, ask);
    const isOfUse = kept.kind !== 'denied' && this.#options.cache.keeps(key);
    if (!isOfUse) this.#options.refresher?.forget(key); // and the credential with it
    return this.#page(kept, of);
  }

  #page({ value, ...kept }: Kept<SharedPage>, of: ReadOf): KeptAppPage {
    this.#options.onAnswer?.(kept.from);
    return { ...kept, ...of, page: value.reader() };
  }

  #read(key: string, asked: AskedAppPage, ask: Ask<SharedPage>): ReadOf {
    const { tableVersion, settingsOf, cache } = this.#options;
    const version = tableVersion();
    const apps = new Map(asked.instances.map(({ app }) => [app.appId, app]));
    const settings = [...apps.values()].map((app) => [app, settingsOf(app)] as const);
    const current = (reader: string): KeptAppPage | undefined => {
      if (tableVersion() !== version) return undefined;
      for (const [app, before] of settings) if (settingsOf(app) !== before) return undefined;
      const kept = cache.fresh(key, ask);
      if (!kept) return undefined;
      this.#watch(key, { ...asked, reader }, ask);
      return this.#page(kept, of);
    };
    const withCredentials = hasCredentials(asked.headers.instances);
    const of = { isKept: endOf(ask.life) > 0, withCredentials, current };
    return of;
  }

  /** Lets the page be refreshed, if its app's life and its credentials allow that. */
  #watch(key: string, asked: AskedAppPage, { life }: Ask<SharedPage>): void {
    const { refresher, withCredentials } = this.#options;
    if (!refresher || endOf(life) <= 0) return;
    if (hasCredentials(asked.headers.instances) && !withCredentials) return;
    const [{ app, endpoint }] = asked.instances as [Instance]; // nobody asks without instances
    const host = app.appId || endpoint.address;
    const { again, timeoutMs } = asked;
    refresher.read(key, asked.reader, {
      ...{ host, ttlMs: life.ttlMs },
      refresh: async (signal) => {
        const next = again({ deadlineMs: performance.now() + timeoutMs, signal });
        if (next.instances.length === 0 || this.#keyOf(next) !== key) return false;
        const kind = await this.#options.cache.refresh(key, this.#ask(next));
        return kind !== 'denied' && this.#options.cache.keeps(key);
      },
    });
  }

  #ask(asked: AskedAppPage): Ask<SharedPage> {
    const life = this.#lifeOf(asked.instances);
    const { deadlineMs, signal, hurry } = asked;
    return {
      ...{ deadlineMs, signal, hurry, life },
      tags: tagsOf(asked),
      // Who can wait longer must not hear that an instance is down which another would not wait for.
      isValid: ({ patienceMs }) => patienceMs >= asked.timeoutMs * PATIENCE,
      load: (run) => this.#load(asked, run, endOf(life) > 0),
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
    asked: AskedAppPage,
    run: Run<Loaded<SharedPage>>,
    isKept: boolean,
  ): Promise<Loaded<SharedPage>> {
    const beganMs = performance.now();
    const page = await loadAppPage(this.#options, {
      ...asked,
      ...{ signal: run.signal, hurry: run.hurry },
      get deadlineMs() {
        return run.deadlineMs;
      },
      onAnswered: () => run.endsSoon(),
      offer: (soFar) => run.offer(async (waiter: Waiter) => loaded(await soFar(waiter))),
    });
    const shared = loaded(page, {
      withCredentials: hasCredentials(asked.headers.instances),
      givenMs: givenMs(run, beganMs),
    });
    if (!isKept) return shared;
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
