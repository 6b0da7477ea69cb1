/**
 * The HTTP frame around the mounts: picks the mount for a path, and does what all requests have in
 * common.
 */
import type { IncomingMessage, RequestListener } from 'node:http';
import Koa, { type ParameterizedContext } from 'koa';
import { Turns } from '../clock.ts';
import { Problem, writeProblem } from './errors.ts';
import type { KnownRequests } from './known-requests.ts';
import type { Lane } from './lane.ts';
import { type Mount, UnroutedError } from './mount.ts';
import type { PushLane } from './push-lane.ts';
import {
  checkTarget,
  type Handler,
  NOWHERE,
  newState,
  type RequestContext,
  type RequestState,
  type StateOptions,
} from './request.ts';

export interface FrameOptions {
  /** One mount must have the prefix ''. */
  readonly mounts: readonly Mount[];
  /** Sees every request, also those that are refused. */
  readonly observe?: Handler;
  /** Answers requests before koa sees them; they need no observer. */
  readonly lane?: Pick<Lane, 'answer'> | undefined;
  /** Takes requests before koa sees them; observes them itself. */
  readonly known?: Pick<KnownRequests, 'answer'> | undefined;
  /** Takes pushes before koa sees them. */
  readonly pushLane?: Pick<PushLane, 'answer'> | undefined;
  /** Aborts when open scrapes must answer with what has arrived. */
  readonly cut: AbortSignal;
  /** Called with an error that no mount could answer. */
  readonly onError: (error: unknown, path: string) => void;
}

/** What a handler threw on the short way. */
const failures = new WeakMap<IncomingMessage, { readonly error: unknown }>();

export function createFrame(options: FrameOptions): RequestListener {
  const { mounts, observe = (_, next) => next(), lane, known, pushLane, cut, onError } = options;
  const koa = new Koa<RequestState>();
  const seen = new WeakSet<Error>(); // koa may emit an error for the body and for the response
  koa.on('error', (error: Error, ctx?: ParameterizedContext<RequestState>) => {
    if (seen.has(error) || isDeparture(error)) return;
    seen.add(error);
    onError(error, ctx?.state.target.path ?? '');
  });
  koa.use(prepare({ cut, departures: new Turns() }));
  koa.use((ctx, next) => (failures.has(ctx.req) ? next() : observe(ctx, next)));
  koa.use(refuseTarget);
  koa.use(dispatch(mounts));
  const handle = koa.callback();
  return (req, res) => {
    const goOn = (): void => void handle(req, res);
    const fail = (error: unknown): void => {
      failures.set(req, { error });
      goOn();
    };
    if (lane?.answer(req, res) || known?.answer(req, res, fail)) return;
    if (!pushLane?.answer(req, res, goOn)) goOn();
  };
}

/** Fills `ctx.state`. */
function prepare(options: StateOptions): Handler {
  return (ctx, next) => {
    Object.assign(ctx.state, newState(ctx.req, ctx.res, options));
    return next();
  };
}

/** Refuses a malformed target before a mount is picked. */
const refuseTarget: Handler = (ctx, next) => {
  try {
    checkTarget(ctx.state.target);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    writeProblem(ctx, error);
    return;
  }
  return next();
};

function dispatch(mounts: readonly Mount[]): Handler {
  const longestFirst = [...mounts].sort((a, b) => b.prefix.length - a.prefix.length);
  const serving = longestFirst.map((mount) => ({ mount, handle: serve(mount) }));
  return async (ctx, next) => {
    const { path } = ctx.state.target;
    // A mount is always found, since the prefix '' fits all paths.
    const { mount, handle } = serving.find((one) => isBelow(path, one.mount.prefix))!;
    ctx.state.handler = mount.name ?? NOWHERE;
    const failed = failures.get(ctx.req);
    try {
      if (failed) throw failed.error;
      await mount.admit(ctx, () => handle(ctx, next));
    } catch (error) {
      if (ctx.state.signal.aborted || isDeparture(error)) return; // the reader has left
      const isTooLate = ctx.headerSent;
      await mount.errors(ctx, error);
      if (isTooLate) ctx.res.destroy(); // the reader must see that the answer is broken
    }
  };
}

function isBelow(path: string, prefix: string): boolean {
  return (
    (path.startsWith(prefix) && [undefined, '/'].includes(path[prefix.length])) || prefix === ''
  );
}

/** Routes requests, and sets `handler` to the name of the mount or of the route. */
function serve({ router, name }: Mount): Handler {
  const handle = router.routes();
  return (ctx, next) => {
    const { path } = ctx.state.target;
    const { path: layers, pathAndMethod, route } = router.match(path, ctx.method);
    const found = pathAndMethod.find(({ methods }) => methods.length > 0);
    ctx.state.handler = name ?? (found ?? layers[0])?.name ?? NOWHERE;
    if (!route) throw new UnroutedError(methodsOf(layers));
    Object.assign(ctx, { newRouterPath: path }); // else the router takes koa's path
    return handle(ctx as RequestContext & Parameters<typeof handle>[0], next);
  };
}

/** The methods of a path. The router lists HEAD before GET, so the order is reversed. */
function methodsOf(layers: readonly { readonly methods: readonly string[] }[]): string[] {
  const methods = new Set(layers.flatMap((layer) => layer.methods.toReversed()));
  return [...methods];
}

/** The error codes of a write during which, or before which, the reader left. */
const DEPARTURES: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECANCELED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** Whether `error` only means that the reader has left. */
function isDeparture(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'AbortError' || ('code' in error && DEPARTURES.has(error.code));
}
