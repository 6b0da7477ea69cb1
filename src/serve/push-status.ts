/**
 * What tools ask a Pushgateway about itself.
 */
import { Problem } from './errors.ts';
import type { Handler } from './request.ts';

export interface PushStatus {
  readonly version: string;
  readonly startedMs: number;
  /** Settings by the names of Pushgateway's flags. */
  readonly flags: Readonly<Record<string, string>>;
}

/** The headers of Pushgateway's API. */
const API_HEADERS = {
  'Access-Control-Allow-Headers': 'Accept, Authorization, Content-Type, Origin',
  'Access-Control-Allow-Methods': 'GET, POST, DELETE, OPTIONS',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Date',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
};

/** Adds the headers of Pushgateway's API to an answer. */
export const withApiHeaders: Handler = (ctx, next) => {
  ctx.set(API_HEADERS);
  return next();
};

/** `OPTIONS /api/v1/…`: browsers ask before they read a page of another origin. */
export const answerOptions: Handler = (ctx) => {
  ctx.status = 200;
  ctx.body = Buffer.alloc(0);
  ctx.remove('Content-Type');
};

/** `GET /api/v1/status` */
export function pushStatus({ version, startedMs, flags }: PushStatus): Handler {
  const build = { version, revision: '', branch: '', buildUser: '', buildDate: '', goVersion: '' };
  const data = {
    build_information: build,
    flags,
    start_time: new Date(startedMs).toISOString(),
  };
  const body = Buffer.from(JSON.stringify({ status: 'success', data }));
  return (ctx) => {
    ctx.body = body;
    ctx.set('Content-Type', 'application/json');
  };
}

/** `GET /-/healthy`: alive, whatever else fails. */
export const healthy: Handler = (ctx) => {
  ctx.type = 'text/plain; charset=utf-8';
  ctx.body = 'OK';
};

/** `GET /-/ready` */
export function ready(isReady: () => boolean): Handler {
  return (ctx, next) => {
    if (isReady()) return healthy(ctx, next);
    throw new Problem('starting', 'promgate starts or stops: send pushes to another one');
  };
}

/** prom-aggregation-gateway answers `/healthy` and `/ready` in JSON. */
export function asJson(name: 'healthy' | 'ready', isSo: () => boolean): Handler {
  return (ctx) => {
    const is = isSo();
    ctx.status = is ? 200 : 503;
    ctx.type = 'application/json';
    ctx.body = JSON.stringify({ [name]: is });
  };
}
