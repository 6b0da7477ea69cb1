/**
 * One scrape of one app by a process that serves nobody: it reads the configured route sources, asks
 * the instances, and merges their pages.
 *
 * Bindings are not read: whoever wants the paths and headers that they name asks a running promgate.
 */
import { sleep } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Instance } from '../discover/instance.ts';
import { RouteTable } from '../discover/route-table.ts';
import { selectInstances } from '../discover/select.ts';
import type { Selector } from '../discover/selector.ts';
import type { RouteSource } from '../discover/source.ts';
import { negotiate } from '../exposition/negotiate.ts';
import { Scraper } from '../fetch/fan-out.ts';
import { scrapeHeaders } from '../fetch/forward.ts';
import { socketLookup } from '../fetch/socket-lookup.ts';
import type { Via } from '../fetch/way.ts';
import { createChunk, Splicer } from '../merge/splice.ts';
import { type AppPage, loadAppPage } from '../serve/app-page.ts';
import { UNBOUND, withDeclared } from '../serve/app-settings.ts';
import type { Log, LogFields } from '../telemetry/log.ts';
import { routeMetrics } from '../telemetry/route-metrics.ts';
import { openTrust } from './apps.ts';
import { openGround } from './ground.ts';
import { startSources } from './sources.ts';
import { declaredBy, openWays, trustsOf, type WaysParts } from './ways.ts';

export interface DirectScrapeOptions {
  readonly app: Selector;
  /** The id or the index of the only instance to ask. */
  readonly instance?: string | undefined;
  readonly path: string;
  readonly accept: string;
  readonly timeoutMs: number;
  readonly platformAuthorities?: string | undefined;
}

export type DirectScrape =
  /** No route source has answered; one line says why for each. */
  | { readonly kind: 'no-routes'; readonly why: readonly string[] }
  /** The route table has no such app, or no such instance. */
  | { readonly kind: 'unknown'; readonly apps: number; readonly why: readonly string[] }
  | {
      readonly kind: 'page';
      readonly page: AppPage;
      /** Asks the same by one way alone. */
      readonly outcomesBy: (via: Via, timeoutMs: number) => Promise<AppPage['outcomes']>;
    };

/** NATS announces each route once in an interval, and a poll lasts up to 10 s. */
const SOURCES_MS = 12_000;
const LOOK_EVERY_MS = 20;
const CHUNK_BYTES = 65_536;

type DirectConfig = Pick<Config, 'listen' | 'routes' | 'scrape' | 'log'> &
  Partial<Pick<Config, 'ownApp'>>;

/** @param parts - its disposal ends all that was started, and frees the page */
export async function scrapeDirectly(
  config: DirectConfig,
  options: DirectScrapeOptions,
  parts: AsyncDisposableStack,
): Promise<DirectScrape> {
  const faults = new Map<string, string>();
  const log = faultLog(faults);
  const { platformAuthorities } = options;
  const ground = openGround(config, { log, platformAuthorities }, parts);
  const trust = await openTrust(config.scrape.tls, log);
  const table = new RouteTable({ requireTls: config.routes.requireTls });
  const { routes } = config;
  const sources = await startSources(
    {
      ...{ routes, table, trust, log, authorities: ground.authorities },
      ...{ metrics: routeMetrics(ground.registry), onRead: () => undefined },
    },
    parts,
  );
  await untilKnown(sources, faults, routes.nats?.registerIntervalMs ?? 0);
  const why = [...faults.values()];
  if (!sources.some(({ ready }) => ready) && table.sizes().apps === 0) {
    const none =
      'routes names no source: set routes.gorouter, routes.nats, routes.cf_api or routes.file';
    return { kind: 'no-routes', why: sources.length === 0 ? [none] : why };
  }
  const instances = select(selectInstances(table, options.app), options.instance);
  if (instances.length === 0) return { kind: 'unknown', apps: table.sizes().apps, why };
  const scraper = parts.use(
    new Scraper({
      ...config.scrape,
      concurrency: ground.descriptors.concurrency,
      maxOpen: ground.descriptors.maxOpen,
      lookup: socketLookup(ground.lookup),
      trust: await trustsOf(config, { instances: trust, log, authorities: ground.authorities }),
    }),
  );
  const ask = asker(config, { scraper, sources, log, instances, options });
  const page = parts.use(await ask(config.scrape.via, options.timeoutMs));
  const outcomesBy = async (via: Via, timeoutMs: number): Promise<AppPage['outcomes']> => {
    using alone = await ask(via, timeoutMs);
    return alone.outcomes;
  };
  return { kind: 'page', page, outcomesBy };
}

interface AskerParts extends Omit<WaysParts, 'config'> {
  readonly instances: readonly Instance[];
  readonly options: DirectScrapeOptions;
}

/** Gives a function that asks all instances once, by the ways that a setting allows. */
function asker(
  config: DirectConfig,
  { scraper, sources, log, instances, options }: AskerParts,
): (via: DirectConfig['scrape']['via'], timeoutMs: number) => Promise<AppPage> {
  const { labelConflict, exportJob, loopId } = config.scrape;
  const negotiated = negotiate(options.accept, { textOnly: false });
  const headers = scrapeHeaders([], {
    ...{ authorizationOf: 'promgate', accept: negotiated.accept, id: loopId },
    ...{ forwardedProto: 'https', forwardedFor: '127.0.0.1' },
  });
  const settingsOf = withDeclared(() => UNBOUND, declaredBy(sources));
  return (via, timeoutMs) => {
    const chosen = { ...config, scrape: { ...config.scrape, via } };
    const ways = openWays({ config: chosen, scraper, sources, log });
    return loadAppPage(
      { scraper, exporters: [], observers: {}, ways, labelConflict, exportJob },
      {
        ...{ instances, withExporters: false, path: options.path, headers, negotiated, settingsOf },
        deadlineMs: performance.now() + timeoutMs,
        signal: new AbortController().signal,
      },
    );
  };
}

/** The whole page in pieces; each is a copy that stays as it is. */
export function* piecesOf({ plan }: AppPage): Generator<Buffer, void, void> {
  const splicer = new Splicer(plan);
  for (;;) {
    const chunk = createChunk(CHUNK_BYTES);
    const sizeBytes = splicer.fill(chunk);
    if (sizeBytes === 0) return;
    yield chunk.bytes.subarray(0, sizeBytes);
  }
}

function select(instances: readonly Instance[], wanted: string | undefined): readonly Instance[] {
  if (wanted === undefined) return instances;
  const byId = instances.filter(({ processInstanceId }) => processInstanceId === wanted);
  return byId.length > 0 ? byId : instances.filter(({ index }) => index === wanted);
}

/** Waits until each source has answered or failed. */
async function untilKnown(
  sources: readonly RouteSource[],
  faults: ReadonlyMap<string, string>,
  registerMs: number,
): Promise<void> {
  const giveUp = AbortSignal.timeout(SOURCES_MS + registerMs);
  const isKnown = ({ ready, name }: RouteSource): boolean => ready || faults.has(name);
  while (!giveUp.aborted && !sources.every(isKnown)) await sleep(LOOK_EVERY_MS, giveUp);
}

/** Keeps why each source cannot be read, and drops all other lines. */
function faultLog(faults: Map<string, string>): Log {
  const keep = (message: string, fields: LogFields = {}): void => {
    const { source, why } = fields;
    const text = `${String(source ?? 'promgate')}: ${String(why ?? message)}`;
    if (source !== undefined) faults.set(String(source), text);
  };
  const drop = (): void => undefined;
  return {
    ...{ debug: drop, info: drop, warn: keep, error: keep, writes: () => false },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
