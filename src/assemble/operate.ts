/**
 * The paths for operators and load balancers: health, readiness, own metrics, and the list of
 * paths.
 */
import { Router } from '@koa/router';
import type { Purge } from '../refresh/purge.ts';
import { answerProblem, type OnMistake } from '../serve/answer-problem.ts';
import { admitAll, operatorsOnly } from '../serve/auth.ts';
import { type DocOptions, doc } from '../serve/doc.ts';
import { namesEndpoint } from '../serve/endpoint-query.ts';
import { Problem } from '../serve/errors.ts';
import { healthz, readyz } from '../serve/health.ts';
import { ownMetrics } from '../serve/own-metrics.ts';
import { invalidateCache } from '../serve/promregator.ts';
import { type Purged, purgeAnswers } from '../serve/purge.ts';
import { reloadConfiguration } from '../serve/reload.ts';
import type { Handler, RequestState } from '../serve/request.ts';
import type { Ground } from './ground.ts';
import type { Part } from './part.ts';

export interface OperateOptions {
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  /** Drops kept answers of all parts, and tells the other replicas. */
  readonly purge: (what: Purge) => Purged;
  /** Reads the configuration again; undefined if nothing of it can change. */
  readonly reload?: (() => Promise<void>) | undefined;
  /** Answers `/metrics?endpoint=URL`; undefined while `endpoints.allow` is empty. */
  readonly endpoint?: Handler | undefined;
  /** What the documentation says of promgate's address. */
  readonly documentation?: DocOptions;
}

/** Paths that need no credential. */
const PUBLIC = ['/healthz', '/readyz', '/doc'];

/** Its last mount takes every path that no other mount has. */
export function openOperate(
  { admit, onMistake, purge, reload, endpoint = noEndpoints, documentation }: OperateOptions,
  { readiness, registry }: Pick<Ground, 'readiness' | 'registry'>,
): Part {
  const router = new Router<RequestState>({ strict: true, sensitive: true })
    .get('healthz', '/healthz', healthz)
    .get('readyz', '/readyz', readyz(readiness))
    .get('doc', /^\/doc(?:\/[\w.-]*)?$/, doc(documentation))
    .get('metrics', '/metrics', operatorsOnly, metrics(endpoint, ownMetrics(registry)))
    .get('metrics', '/promregatorMetrics', operatorsOnly, ownMetrics(registry))
    .get('promregator-cache', '/cache/invalidate', operatorsOnly, invalidateCache(purge))
    .post('purge', '/-/purge', operatorsOnly, purgeAnswers(purge))
    .post('reload', '/-/reload', operatorsOnly, reloadConfiguration(reload))
    .put('reload', '/-/reload', operatorsOnly, reloadConfiguration(reload));
  const errors = answerProblem(onMistake);
  return {
    mounts: [
      ...PUBLIC.map((prefix) => ({ prefix, admit: admitAll, errors, router })),
      { prefix: '', admit, errors, router },
    ],
    [Symbol.asyncDispose]: async () => {},
  };
}

/** `GET /metrics` has two meanings: with the parameter `endpoint` it is about another program. */
function metrics(ofEndpoint: Handler, own: Handler): Handler {
  return (ctx, next) => (namesEndpoint(ctx.state.target.query) ? ofEndpoint : own)(ctx, next);
}

const noEndpoints: Handler = () => {
  throw new Problem('not-found', 'set endpoints.allow to let promgate ask endpoints');
};
