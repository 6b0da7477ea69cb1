/**
 * The paths for operators and load balancers: health, readiness, own metrics, and the list of
 * paths.
 */
import { Router } from '@koa/router';
import type { Purge } from '../refresh/purge.ts';
import { answerProblem, type OnMistake } from '../serve/answer-problem.ts';
import { admitAll, operatorsOnly } from '../serve/auth.ts';
import { doc } from '../serve/doc.ts';
import { healthz, readyz } from '../serve/health.ts';
import { ownMetrics } from '../serve/own-metrics.ts';
import { purgeAnswers } from '../serve/purge.ts';
import type { Handler, RequestState } from '../serve/request.ts';
import type { Ground } from './ground.ts';
import type { Part } from './part.ts';

export interface OperateOptions {
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  /** Drops kept answers of all parts. @returns how many are gone */
  readonly purge: (what: Purge) => number;
}

/** Paths that need no credential. */
const PUBLIC = ['/healthz', '/readyz', '/doc'];

/** Its last mount takes every path that no other mount has. */
export function openOperate(
  { admit, onMistake, purge }: OperateOptions,
  { readiness, registry }: Pick<Ground, 'readiness' | 'registry'>,
): Part {
  const router = new Router<RequestState>({ strict: true, sensitive: true })
    .get('healthz', '/healthz', healthz)
    .get('readyz', '/readyz', readyz(readiness))
    .get('doc', '/doc', doc)
    .get('metrics', '/metrics', operatorsOnly, ownMetrics(registry))
    .post('purge', '/-/purge', operatorsOnly, purgeAnswers(purge));
  const errors = answerProblem(onMistake);
  return {
    mounts: [
      ...PUBLIC.map((prefix) => ({ prefix, admit: admitAll, errors, router })),
      { prefix: '', admit, errors, router },
    ],
    [Symbol.asyncDispose]: async () => {},
  };
}
