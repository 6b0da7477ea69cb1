/**
 * The status page at `/`, and its API below `/status`.
 */
import { Router } from '@koa/router';
import { normalizeGuid } from '../../broker/guid.ts';
import { steadySeconds } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { RouteTable } from '../discover/route-table.ts';
import type { RouteSource } from '../discover/source.ts';
import { answerProblem, type OnMistake } from '../serve/answer-problem.ts';
import type { SettingsOf } from '../serve/app-settings.ts';
import { admitAll } from '../serve/auth.ts';
import { clientAddress, readerName } from '../serve/client-address.ts';
import type { Exchange, Handler, RequestState } from '../serve/request.ts';
import { pushes } from '../serve/scope.ts';
import { APP_PATH, listApps, oneApp, requireApp } from '../serve/status/app-rows.ts';
import { boundReaders } from '../serve/status/bounds.ts';
import { AppDirectory } from '../serve/status/directory.ts';
import { ScrapeHistory } from '../serve/status/history.ts';
import { overview } from '../serve/status/overview.ts';
import { statusSite } from '../serve/status/site.ts';
import { VERSION } from '../version.ts';
import type { Ground } from './ground.ts';
import type { Part } from './part.ts';

export interface StatusPartOptions {
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  readonly auth: Config['auth'];
  readonly settingsOf: SettingsOf;
  readonly history: ScrapeHistory;
  readonly apps: {
    readonly table: Pick<RouteTable, 'apps' | 'byApp' | 'version'>;
    readonly sources: readonly RouteSource[];
    readonly askNow: Handler;
  };
  readonly onRefused: () => void;
}

const MAX_RESULT_BYTES = 25_165_824;
const MAX_RING_BYTES = 16_777_216;

/** A page asks about once in two seconds; readers behind one address may have several open. */
const API = { maxRequests: 32, perSecond: 30 };
/** Scrapes that readers ask for by hand. */
const SCRAPES = { maxRequests: 16, perSecond: 5 };

/** The history gets a share of the memory for pages where that is small. */
export function openHistory({ maxBytes }: Pick<Config['scrape'], 'maxBytes'>): ScrapeHistory {
  return new ScrapeHistory({
    maxResultBytes: Math.min(MAX_RESULT_BYTES, maxBytes / 4),
    maxRingBytes: Math.min(MAX_RING_BYTES, maxBytes / 8),
  });
}

export function openStatus(
  options: StatusPartOptions,
  ground: Pick<Ground, 'registry' | 'readiness'>,
): Part {
  const { admit, onMistake, apps, history, settingsOf, auth, onRefused } = options;
  const { registry, readiness } = ground;
  const rows = {
    ...{ table: apps.table, history, settingsOf },
    directory: new AppDirectory({
      table: apps.table,
      onFailure: (error) => onMistake(error, '/status/apps'),
    }),
    tableKnown: () => readiness.tableKnown,
    nowSeconds: steadySeconds,
    systemSeconds: () => Date.now() / 1000,
  };
  const readerOf = readerNames(auth);
  const bound = boundReaders({ ...API, readerOf, onRefused });
  const boundScrapes = boundReaders({ ...SCRAPES, readerOf, onRefused });
  const router = new Router<RequestState>({ strict: true, sensitive: true })
    .get(
      'status-overview',
      '/status/overview',
      bound(
        overview({
          ...{ registry, sources: apps.sources, version: VERSION },
          state: () => readiness.state,
          mentions: () => readiness.mentioned(),
          needsCredential: auth.mode !== 'open',
        }),
      ),
    )
    .get('status-apps', '/status/apps', bound(listApps(rows)))
    .get('status-page', PAGE_PATH, boundScrapes(askNow(rows, apps.askNow)))
    .get('status-app', APP_PATH, bound(oneApp(rows)));
  const site = statusSite();
  const files = new Router<RequestState>({ strict: true, sensitive: true })
    .get('status', '/', site)
    .get('status-asset', /^\/status\/assets\/[a-z.-]+$/, site);
  const errors = answerProblem(onMistake);
  return {
    mounts: [
      { prefix: '/', admit: admitAll, errors, router: files },
      { prefix: '/status/assets', admit: admitAll, errors, router: files },
      { prefix: '/status', admit, errors, router },
    ],
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The path of the page of one app, asked for now; the guid is its first group. */
const PAGE_PATH = /^\/status\/apps\/([0-9a-f-]{36})\/page$/i;

/** Lets `handle`, which knows the paths of app pages, answer for an app that the reader may see. */
function askNow(rows: Parameters<typeof requireApp>[2], handle: Handler): Handler {
  return (ctx, next) => {
    const appId = normalizeGuid(PAGE_PATH.exec(ctx.state.target.path)?.[1] ?? '');
    requireApp(appId, ctx.state.scope, rows);
    ctx.state.target = { path: `/v1/apps/${appId}/metrics`, query: '' };
    ctx.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
    return handle(ctx, next);
  };
}

/**
 * Names the tenant of a token, and the address of any other reader. A reader who has shown an operator's
 * credential is believed in what it says of its address: operators behind one proxy count one by one.
 */
function readerNames({ mode, trustedProxies }: Config['auth']): (exchange: Exchange) => string {
  const addressOf = mode === 'open' ? clientAddress(trustedProxies) : readerName;
  return ({ req, state: { scope } }) => {
    if (scope === 'all' || pushes(scope)) return `address ${addressOf(req)}`;
    return `tenant ${scope.spaceId || scope.appId}`;
  };
}
