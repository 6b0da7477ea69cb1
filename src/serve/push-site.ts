/**
 * The paths of the push gateway, below `/push` or at the root of a port of its own.
 */
import { Router } from '@koa/router';
import { answerProblem, type OnMistake } from './answer-problem.ts';
import { admitAll, operatorsOnly, pushersOnly } from './auth.ts';
import { Problem } from './errors.ts';
import type { Mount } from './mount.ts';
import { asProblem, PUSH_HANDLER, type PushOptions, push } from './push.ts';
import { count, deleteFamily, deleteGroup, wipe } from './push-changes.ts';
import {
  answerOptions,
  asJson,
  healthy,
  type PushStatus,
  pushStatus,
  ready,
  withApiHeaders,
} from './push-status.ts';
import type { Handler, RequestState } from './request.ts';

export interface PushSiteOptions extends PushOptions {
  /** The check of a credential, which also sets what the reader may see. */
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  /** `GET /metrics` */
  readonly page: Handler;
  /** `GET /api/v1/metrics` */
  readonly groups: Handler;
  readonly status: PushStatus;
  /** `push.admin_api` */
  readonly adminApi: boolean;
  readonly isReady: () => boolean;
}

/** All paths of the push gateway; those about health need no credential. */
export function pushMounts(options: PushSiteOptions): Mount[] {
  const { base, onMistake } = options;
  const answer = answerProblem(onMistake);
  const errors: Mount['errors'] = (ctx, error) => answer(ctx, asProblem(error));
  const router = routes(options);
  const withCredential = pushersOnly(options.admit);
  // Browsers ask by OPTIONS without a credential.
  const admit: Handler = (ctx, next) =>
    (ctx.method === 'OPTIONS' ? admitAll : withCredential)(ctx, next);
  const open = ['/-', ...(base === '' ? ['/healthy', '/ready'] : [])];
  return [
    { prefix: base, admit, errors, router },
    ...open.map((path) => ({ prefix: base + path, admit: admitAll, errors, router })),
  ];
}

function routes(options: PushSiteOptions): Router<RequestState> {
  const { base, page, groups, status, adminApi, isReady } = options;
  const all = new RegExp(`^${base}/metrics(?:/.*)?$`);
  const one = new RegExp(`^${base}/metrics/[^/]+$`);
  const api = (path: string): string => `${base}/api/v1/${path}`;
  const router = new Router<RequestState>({ strict: true, sensitive: true })
    .get('push-page', `${base}/metrics`, page)
    .post(PUSH_HANDLER, all, push(options))
    .put(PUSH_HANDLER, all, push(options))
    .patch('push-count', one, count(options))
    .delete('push-delete', one, deleteFamily(options))
    .delete('push-delete', new RegExp(`^${base}/metrics/.+/.*$`), deleteGroup(options))
    .get('push-groups', api('metrics'), withApiHeaders, groups)
    .get('push-status', api('status'), withApiHeaders, pushStatus(status))
    .options(
      'push-api',
      new RegExp(`^${base}/api/v1/(?:metrics|status)$`),
      withApiHeaders,
      answerOptions,
    )
    .put('push-wipe', api('admin/wipe'), operatorsOnly, adminApi ? wipe(options) : noAdminApi)
    .get('healthz', `${base}/-/healthy`, healthy)
    .get('readyz', `${base}/-/ready`, ready(isReady));
  if (base !== '') return router;
  return router
    .get(
      'healthz',
      '/healthy',
      asJson('healthy', () => true),
    )
    .get('readyz', '/ready', asJson('ready', isReady));
}

const noAdminApi: Handler = () => {
  throw new Problem('not-found', 'set push.admin_api to let operators remove all metrics');
};
