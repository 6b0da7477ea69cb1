/**
 * The paths of the query API: `/api/v1/…`, `/federate`, and the health of Prometheus.
 */
import { Router } from '@koa/router';
import type { OnMistake } from '../answer-problem.ts';
import { admitAll } from '../auth.ts';
import type { Mount } from '../mount.ts';
import { answerQueryError, type QueryErrorType } from '../query-errors.ts';
import type { Handler, RequestState } from '../request.ts';
import { allowOrigins, type Origins } from './cors.ts';
import { instantQuery, rangeQuery } from './evaluation.ts';
import { type FederateOptions, federate } from './federate.ts';
import { formatQuery, parseQuery } from './format.ts';
import {
  alertmanagers,
  exemplars,
  metadata,
  scrapePools,
  targetMetadata,
  targets,
} from './metadata.ts';
import { remoteRead } from './read.ts';
import { alerts, rules } from './rules.ts';
import { labels, labelValues, series } from './series.ts';
import {
  activeQueries,
  buildInfo,
  configYaml,
  flagList,
  headStats,
  runtimeInfo,
  type StatusOptions,
  walReplay,
} from './status.ts';

export interface QuerySiteOptions extends FederateOptions, StatusOptions {
  /** The check of a credential, which also sets what the reader may see. */
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  /** Called with each error that is answered. */
  readonly onError?: (type: QueryErrorType) => void;
  readonly origins: Origins;
  readonly isReady: () => boolean;
}

export function queryMounts(options: QuerySiteOptions): Mount[] {
  const { admit, onMistake, onError, origins } = options;
  const errors = answerQueryError(onMistake, onError);
  const router = apiRoutes(options);
  const cors = allowOrigins(origins);
  // Browsers ask by OPTIONS without a credential, and read errors only with the headers of CORS.
  const admitted: Handler = (ctx, next) =>
    cors(ctx, async () => {
      if (ctx.method === 'OPTIONS') ctx.status = 204;
      else await admit(ctx, next);
    });
  const pages = new Router<RequestState>({ strict: true, sensitive: true })
    .get('federate', '/federate', federate(options))
    .get(
      'healthz',
      '/-/healthy',
      text(() => 'promgate is Healthy.\n'),
    )
    .get('readyz', '/-/ready', ready(options));
  return [
    { prefix: '/api/v1', admit: admitted, errors, router },
    { prefix: '/federate', admit, errors, router: pages },
    { prefix: '/-/healthy', admit: admitAll, errors, router: pages },
    { prefix: '/-/ready', admit: admitAll, errors, router: pages },
  ];
}

function text(of: () => string): Handler {
  return (ctx) => {
    ctx.type = 'text/plain; charset=utf-8';
    ctx.body = of();
  };
}

function ready({ isReady }: QuerySiteOptions): Handler {
  return (ctx, next) => {
    const is = isReady();
    ctx.status = is ? 200 : 503;
    return text(() => (is ? 'promgate is Ready.\n' : 'Service Unavailable'))(ctx, next);
  };
}

function apiRoutes(options: QuerySiteOptions): Router<RequestState> {
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  const get = (name: string, path: string, handle: Handler): void => {
    router.get(name, `/api/v1/${path}`, handle);
  };
  const both = (name: string, path: string, handle: Handler): void => {
    router.get(name, `/api/v1/${path}`, handle).post(name, `/api/v1/${path}`, handle);
  };
  both('query', 'query', instantQuery(options));
  both('query-range', 'query_range', rangeQuery(options));
  both('query-exemplars', 'query_exemplars', exemplars(options));
  both('query-format', 'format_query', formatQuery(options));
  both('query-format', 'parse_query', parseQuery(options));
  both('query-series', 'series', series(options));
  both('query-series', 'labels', labels(options));
  get('query-series', 'label/:name/values', labelValues(options));
  get('query-metadata', 'metadata', metadata(options));
  get('query-targets', 'targets', targets(options));
  get('query-targets', 'targets/metadata', targetMetadata(options));
  get('query-targets', 'scrape_pools', scrapePools(options));
  get('query-targets', 'alertmanagers', alertmanagers(options));
  get('query-rules', 'rules', rules(options));
  get('query-rules', 'alerts', alerts(options));
  get('query-build', 'status/buildinfo', buildInfo(options));
  get('query-status', 'status/runtimeinfo', runtimeInfo(options));
  get('query-status', 'status/config', configYaml(options));
  get('query-status', 'status/flags', flagList(options));
  get('query-status', 'status/walreplay', walReplay(options));
  get('query-status', 'status/tsdb', headStats(options));
  get('query-status', 'status/active_queries', activeQueries(options));
  router.post('query-read', '/api/v1/read', remoteRead(options));
  return router;
}
