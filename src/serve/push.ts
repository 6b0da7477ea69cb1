/**
 * The push gateway over HTTP: the interfaces of cf-workers' push gateway, prom-aggregation-gateway and
 * Pushgateway, on the same paths.
 *
 * `push-path.ts` tells the three apart, `push-lane.ts` is the short way of pushes that are equal to an
 * earlier one but for their values.
 */
import type { IncomingMessage } from 'node:http';
import type { Tenancy } from '../push/push.ts';
import { PushRefusal } from '../push/refusal.ts';
import { type PushAnswer, refusalProblem } from './push-answers.ts';
import { readPushBody } from './push-body.ts';
import type { PushDesk } from './push-desk.ts';
import { readKey } from './push-headers.ts';
import type { Admitted, PushLane } from './push-lane.ts';
import { notLocal } from './push-local.ts';
import { type PushPath, readPushPath } from './push-path.ts';
import type { PushRate } from './push-rate.ts';
import { interfaceOf, type PushSettings, readIntent } from './push-request.ts';
import type { PushRoom } from './push-room.ts';
import type { Handler, RequestContext } from './request.ts';
import { tenancyOf } from './tenancy.ts';

export interface PushOptions {
  /** The path before `/metrics`: `/push`, or '' on a port of its own. */
  readonly base: string;
  readonly desk: PushDesk;
  readonly lane?: Pick<PushLane, 'add' | 'admitted' | 'recall'> | undefined;
  readonly rate: PushRate;
  readonly room: PushRoom;
  readonly settingsOf: (tenancy: Tenancy) => PushSettings;
  /** `push.utf8_names` */
  readonly utf8Names: boolean;
  /** See `PushBodyOptions`. */
  readonly idleMs?: number | undefined;
  /**
   * Whether the client may push without a token: for `auth.mode: open`. Undefined if every client has
   * sent a credential.
   */
  readonly admitsOpenly?: ((request: IncomingMessage) => boolean) | undefined;
}

/** The name of the route in metrics. */
export const PUSH_HANDLER = 'push';

/** What follows `/metrics` in the path, as sent. */
export function restOf({ state }: RequestContext, { base }: Pick<PushOptions, 'base'>): string {
  return state.target.path.slice(base.length + '/metrics'.length);
}

/**
 * The tenant of a request that changes something.
 *
 * @throws {Problem} `forbidden` for a client without a token that may not push
 */
export function changerOf({ req, state }: RequestContext, options: PushOptions): Tenancy {
  const { admitsOpenly } = options;
  if (admitsOpenly && state.scope === 'all' && !admitsOpenly(req)) throw notLocal();
  return tenancyOf(state.scope);
}

/** @throws {PushRefusal} `rate_limit` */
export function takeTurn(tenancy: Tenancy, { rate, settingsOf }: PushOptions): PushSettings {
  const settings = settingsOf(tenancy);
  const { pushesPerSecond: limit } = settings;
  if (rate.take(tenancy.tenant, limit)) return settings;
  throw new PushRefusal('rate_limit', `there are more than ${limit} pushes per second`, {
    details: { limit },
  });
}

export function writeAnswer(ctx: RequestContext, answer: PushAnswer): void {
  ctx.status = answer.status;
  ctx.body = answer.body;
  if (answer.body.length === 0) ctx.remove('Content-Type'); // koa takes an empty buffer for a file
  ctx.set({ ...answer.headers });
}

/** `POST` and `PUT` to `/metrics` and below. */
export function push(options: PushOptions): Handler {
  const { desk } = options;
  return async (ctx) => {
    ctx.set('X-Durability', desk.ledger.durability);
    const beganMs = performance.now();
    const admitted = options.lane?.admitted();
    const tenancy = changerOf(ctx, options);
    const { jobMode } = options.settingsOf(tenancy);
    const { method } = ctx;
    let of = interfaceOf({ kind: 'labels', segments: [] }, method, jobMode);
    let facts = { intent: { of, ...tenancy, path: [] }, samples: 0, bytes: 0, beganMs };
    try {
      const path = readPushPath(restOf(ctx, options));
      of = interfaceOf(path, method, askedMode(ctx) ?? jobMode);
      facts = { ...facts, intent: { ...facts.intent, of } };
      writeAnswer(ctx, await accept(ctx, options, { path, tenancy, beganMs, admitted }));
    } catch (error) {
      if (!(error instanceof PushRefusal)) {
        desk.failed(facts, error);
        throw error;
      }
      writeAnswer(ctx, await desk.refused(facts, error));
    }
  };
}

/** The mode that decides whose texts a refusal has, before the headers are checked. */
function askedMode({ req }: RequestContext): 'aggregate' | 'replace' | undefined {
  const asked = req.headers['x-push-mode'];
  return asked === 'aggregate' || asked === 'replace' ? asked : undefined;
}

interface Arrived {
  readonly path: PushPath;
  readonly tenancy: Tenancy;
  readonly beganMs: number;
  readonly admitted: Admitted | undefined;
}

/** @throws {PushRefusal} before the ledger is asked */
async function accept(
  { req, state }: RequestContext,
  options: PushOptions,
  { path, tenancy, beganMs, admitted }: Arrived,
): Promise<PushAnswer> {
  const { desk, lane, room, utf8Names, idleMs } = options;
  const settings = takeTurn(tenancy, options);
  const intent = readIntent(req, path, { tenancy, settings, utf8Names });
  const key = readKey(req.headers);
  using taken = room.take(tenancy.tenant);
  const body = await readPushBody(req, { ...settings, idleMs, room: taken, signal: state.signal });
  const known = lane?.recall(req, intent);
  const push = await desk.take({ intent, key, settings, body, beganMs, known });
  if (push.answer.status < 300 && lane && admitted) {
    lane.add(req, { intent, settings, admitted }, push);
  }
  return push.answer;
}

/** Answers a refusal of a request that is no push of a page. */
export function asProblem(error: unknown): unknown {
  return error instanceof PushRefusal ? refusalProblem(error) : error;
}
