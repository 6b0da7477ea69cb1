/**
 * Connects the site: which path is answered by whom, and who sees the requests.
 */
import type { RequestListener } from 'node:http';
import type { Config } from '../config/config.ts';
import type { RouteTable } from '../discover/route-table.ts';
import { parseExporter } from '../fetch/exporter.ts';
import { Admission, bounded } from '../serve/admission.ts';
import type { SettingsOf } from '../serve/app-settings.ts';
import { APPS_PATH, type AppsOptions, apps, INSTANCE_PATH, oneInstance } from '../serve/apps.ts';
import { type AuthOptions, heedToken, requireCredential, type Tokens } from '../serve/auth.ts';
import { clientAddress } from '../serve/client-address.ts';
import { doc } from '../serve/doc.ts';
import { Guesses } from '../serve/guesses.ts';
import { healthz, type Readiness, readyz } from '../serve/health.ts';
import { ownMetrics } from '../serve/own-metrics.ts';
import { answerNow, type Handler } from '../serve/request.ts';
import { observeRequests, requestFields, requestLevel } from '../serve/request-log.ts';
import { routes } from '../serve/routes.ts';
import { serviceDiscovery } from '../serve/service-discovery.ts';
import { createSite, type Route } from '../serve/site.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface SiteParts extends Pick<AppsOptions, 'scraper' | 'choice' | 'observers'> {
  readonly table: RouteTable;
  readonly readiness: Readiness;
  readonly metrics: Metrics<never>;
  readonly log: Log;
  readonly cut: AbortSignal;
  readonly bindings: SiteBindings;
}

/** What the program knows of bindings. */
export interface SiteBindings {
  readonly settingsOf: SettingsOf;
  readonly tokens: Tokens;
  /** Answers below `/broker/v2`; undefined when there is none. */
  readonly broker?: Handler;
}

export function connectSite(config: Config, parts: SiteParts): RequestListener {
  const { metrics, log, cut } = parts;
  const { mode, operators } = config.auth;
  const { tokens } = parts.bindings;
  return createSite({
    routes: siteRoutes(config, parts),
    broker: parts.bindings.broker,
    observe: observe(log, metrics),
    admit:
      mode === 'open'
        ? heedToken(tokens)
        : requireCredential({ mode, operators, tokens, onWrong: delayGuesses(config) }),
    cut,
    onError: (err, path) => log.error('a request failed by our mistake', { path, err }),
  });
}

function delayGuesses({ auth }: Config): NonNullable<AuthOptions['onWrong']> {
  const addressOf = clientAddress(auth.trustedProxies);
  const guesses = new Guesses();
  return ({ req, state }) => guesses.wrong(addressOf(req), answerNow(state));
}

function siteRoutes(config: Config, parts: SiteParts): Route[] {
  const { readiness, metrics, table, bindings } = parts;
  const { sd } = config;
  const asked = appsFrom(config, parts);
  const bound = boundPages(config, metrics);
  return [
    { name: 'instance', path: INSTANCE_PATH, handle: bound(oneInstance(asked)) },
    { name: 'apps', path: APPS_PATH, handle: bound(apps(asked)) },
    { name: 'healthz', path: '/healthz', handle: healthz },
    { name: 'readyz', path: '/readyz', handle: readyz(readiness) },
    { name: 'doc', path: '/doc', handle: doc },
    { name: 'metrics', path: '/metrics', handle: ownMetrics(metrics), operatorsOnly: true },
    { name: 'routes', path: '/routes', handle: routes(table) },
    {
      name: 'sd',
      path: '/sd/apps',
      handle: serviceDiscovery({
        table,
        tableKnown: () => readiness.tableKnown,
        settingsOf: bindings.settingsOf,
        address: sd.address,
        scheme: sd.scheme,
      }),
    },
  ];
}

/** Bounds the requests for app pages that are under way, together and of each tenant. */
function boundPages(
  { auth, scrape }: Config,
  metrics: Metrics<never>,
): (handle: Handler) => Handler {
  const admission = new Admission({
    maxRequests: scrape.maxRequests,
    onRefused: metrics.requestRefused,
  });
  const addressOf = clientAddress(auth.trustedProxies);
  return (handle) =>
    bounded(
      admission,
      ({ req, state: { scope } }) => {
        if (scope !== 'all') return scope.spaceId || scope.appId;
        return auth.mode === 'open' ? addressOf(req) : undefined;
      },
      handle,
    );
}

function appsFrom(
  { scrape, externalExporters, auth }: Config,
  { scraper, choice, table, observers, readiness, bindings }: SiteParts,
): AppsOptions {
  return {
    ...{ scraper, choice, table, observers },
    tableKnown: () => readiness.tableKnown,
    settingsOf: bindings.settingsOf,
    exporters: externalExporters.map(({ metricsPath, ...exporter }) =>
      parseExporter({ ...exporter, metrics_path: metricsPath }),
    ),
    labelConflict: scrape.labelConflict,
    exportJob: scrape.exportJob,
    timeoutMs: scrape.timeoutMs,
    maxTimeoutMs: scrape.maxTimeoutMs,
    authorizationOf: auth.mode === 'open' ? 'app' : 'promgate',
    id: scrape.loopId,
  };
}

function observe(log: Log, metrics: Metrics<never>): Handler {
  return observeRequests({
    onBegin: metrics.requestBegan,
    onEnd: (record) => {
      const { handler, status, durationMs } = record;
      metrics.requestEnded({ handler, status, seconds: durationMs / 1000 });
      const level = requestLevel(record);
      if (log.writes(level)) log[level]('request', requestFields(record));
    },
  });
}
