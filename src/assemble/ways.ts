/**
 * The ways to instances: what the configuration, the platform and the CF API say of them.
 */
import type { Config } from '../config/config.ts';
import type { RouteSource } from '../discover/source.ts';
import type { Failure } from '../fetch/failure.ts';
import type { Scraper, ScraperOptions } from '../fetch/fan-out.ts';
import { identityTrust } from '../fetch/instance-identity.ts';
import { type Asked, RouterProbe } from '../fetch/router-probe.ts';
import type { ScrapeTarget } from '../fetch/target.ts';
import { fixedTrust, openFileTrust, type Trust } from '../fetch/trust.ts';
import type { Via } from '../fetch/way.ts';
import { Ways } from '../fetch/ways.ts';
import { readPem } from '../pem.ts';
import type { DeclaredOf } from '../serve/app-settings.ts';
import type { Log } from '../telemetry/log.ts';
import type { Ground } from './ground.ts';

type WaysConfig = Pick<Config, 'scrape' | 'routes'> &
  Partial<Pick<Config, 'ownApp' | 'externalExporters'>>;

interface TrustParts extends Pick<Ground, 'authorities'> {
  /** By the files of `scrape.tls`. */
  readonly instances: Trust;
  readonly log: Pick<Log, 'warn'>;
}

/** Whom promgate trusts by which way, and which certificate it shows. */
export async function trustsOf(
  { scrape, routes, externalExporters = [] }: WaysConfig,
  { instances, authorities, log }: TrustParts,
): Promise<ScraperOptions['trust']> {
  const { router, identity, internalTls, tls } = scrape;
  const asksContainers = internalTls || routes.cfApi !== undefined;
  const asksOthers = router?.tls || externalExporters.some(({ scheme }) => scheme === 'https');
  if (!asksOthers && !asksContainers && !identity) {
    return { instances, system: fixedTrust({ ca: undefined }) };
  }
  const ca = await authorities();
  // Without a router of its own, promgate asks where the CF API is.
  const ofApi = routes.cfApi?.tls?.caFile;
  const system = fixedTrust({ ca: [...ca, ...(await readAll(ofApi))] });
  const caFile = tls?.caFile;
  const files = { ...(caFile !== undefined && { ca: caFile }), authorities: ca };
  const containers = await openFileTrust(files, {
    onError: (err) => log.warn('scrape.tls.ca cannot be used: the previous one stays', { err }),
  });
  const onError = (err: Error): void =>
    log.warn('the instance identity cannot be used: promgate reads it again', { err });
  return {
    ...{ instances, system, containers },
    identity: identity ? identityTrust(identity, { ca, caFile, onError }) : system,
  };
}

async function readAll(source: string | undefined): Promise<string[]> {
  return source === undefined ? [] : [await readPem(source)];
}

export interface WaysParts {
  readonly config: WaysConfig;
  readonly scraper: Scraper;
  readonly sources: readonly RouteSource[];
  readonly log: Log;
  readonly onAttempt?: (via: Via, failure: Failure | undefined) => void;
}

export function openWays({ config, scraper, sources, log, onAttempt }: WaysParts): Ways {
  const { via, router, identityRouter, routerKnowsProcesses, identity, internalTls, tls } =
    config.scrape;
  const probe = new RouterProbe({
    ask: (target) => askOnce(scraper, target),
    onAnswer: (knows) => log.info('gorouter was asked whether it heeds processes', { knows }),
  });
  const teller = sources.find(({ targetOf }) => targetOf !== undefined);
  return new Ways({
    ...{ via, router, identityRouter, knowsProcesses: routerKnowsProcesses, probe, internalTls },
    ...{ hasIdentity: identity !== undefined, hasCellCertificate: tls?.certFile !== undefined },
    ...{ own: config.ownApp, onAttempt },
    latest: teller && ((target) => teller.targetOf?.(target)),
    wantStats: teller && ((processId) => teller.wantStats?.(processId) ?? Promise.resolve()),
  });
}

/** What the apps of all sources declare. */
export function declaredBy(sources: readonly RouteSource[]): DeclaredOf {
  const tellers = sources.filter(({ declaredOf }) => declaredOf !== undefined);
  return ({ appId }) => {
    for (const one of tellers) {
      const declared = one.declaredOf?.(appId);
      if (declared) return declared;
    }
    return undefined;
  };
}

const ASK_MS = 2000;

/** Asks a target without any header of a reader. */
export async function askOnce(scraper: Scraper, target: ScrapeTarget): Promise<Asked> {
  using lease = scraper.lease();
  const own = ['Accept', 'text/plain', 'User-Agent', 'promgate'];
  const [answer] = await scraper.scrape({
    targets: [target],
    headers: { instances: own, exporters: own },
    deadlineMs: performance.now() + ASK_MS,
    signal: new AbortController().signal,
    lease,
  });
  return answer?.failure === undefined ? {} : { failure: answer.failure, status: answer.status };
}
