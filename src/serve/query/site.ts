/**
 * The paths of the query API, below `/api/v1`.
 */
import { Router } from '@koa/router';
import type { OnMistake } from '../answer-problem.ts';
import type { Mount } from '../mount.ts';
import { answerQueryError, type QueryErrorType } from '../query-errors.ts';
import type { Handler, RequestState } from '../request.ts';
import { allowOrigins } from './cors.ts';
import { type EvaluationOptions, instantQuery, rangeQuery } from './evaluation.ts';

export interface QuerySiteOptions extends EvaluationOptions {
  /** The check of a credential, which also sets what the reader may see. */
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  /** Called with each error that is answered. */
  readonly onError?: (type: QueryErrorType) => void;
  readonly origins: Parameters<typeof allowOrigins>[0];
}

export function queryMounts(options: QuerySiteOptions): Mount[] {
  const { admit, onMistake, onError, origins } = options;
  const errors = answerQueryError(onMistake, onError);
  const router = routes(options);
  const cors = allowOrigins(origins);
  // Browsers ask by OPTIONS without a credential, and read errors only with the headers of CORS.
  const admitted: Handler = (ctx, next) =>
    cors(ctx, async () => {
      if (ctx.method === 'OPTIONS') ctx.status = 204;
      else await admit(ctx, next);
    });
  return [{ prefix: '/api/v1', admit: admitted, errors, router }];
}

function routes(options: QuerySiteOptions): Router<RequestState> {
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  const both = (name: string, path: string, handle: Handler): void => {
    router.get(name, path, handle).post(name, path, handle);
  };
  both('query', '/api/v1/query', instantQuery(options));
  both('query-range', '/api/v1/query_range', rangeQuery(options));
  return router;
}
