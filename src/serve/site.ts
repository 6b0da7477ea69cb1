/**
 * The HTTP frame around the handlers: which path is whose, methods, credentials, errors.
 *
 * Paths are matched as sent: names in them are decoded by their handler, after they were split.
 * (`@koa/router` decodes first; it also costs 16 ms of the start, as it pulls in Node's fetch.)
 */
import type { RequestListener } from 'node:http';
import Koa, { type ParameterizedContext } from 'koa';
import { Turns } from '../clock.ts';
import { findToken } from '../fetch/token.ts';
import { Problem, writeProblem } from './errors.ts';
import { type Handler, parseTarget, type RequestState } from './request.ts';

export interface Route {
  /** For metrics: one of a closed set. */
  readonly name: string;
  /** The whole path, or a pattern of it; the first route that matches answers. */
  readonly path: string | RegExp;
  readonly handle: Handler;
  /** Standard: GET and HEAD. */
  readonly methods?: readonly string[];
  /** Not for tenants: needs a credential that sees everything. */
  readonly operatorsOnly?: boolean;
}

export interface SiteOptions {
  readonly routes: readonly Route[];
  /** Answers all below its path by itself: methods, credentials, errors. */
  readonly broker?: Handler | undefined;
  /** Sees every request, also those that are refused. */
  readonly observe?: Handler;
  /** Lets a request pass, or throws why not. */
  readonly admit?: Handler;
  /** Aborts when answers must go out with what has arrived. */
  readonly cut: AbortSignal;
  /** A mistake of ours, not the reader's: what was answered with 500, or broken off. */
  readonly onError: (error: unknown, path: string) => void;
}

const READ = ['GET', 'HEAD'];
const NOWHERE = 'none';

const pass: Handler = (_, next) => next();

export function createSite(options: SiteOptions): RequestListener {
  const { routes, observe = pass, admit = pass, cut, onError } = options;
  const koa = new Koa<RequestState>();
  const seen = new WeakSet<Error>(); // koa tells of an error of a body and of its response
  koa.on('error', (error: Error, ctx?: ParameterizedContext<RequestState>) => {
    if (seen.has(error) || isDeparture(error)) return;
    seen.add(error);
    onError(error, ctx?.state.target.path ?? '');
  });
  koa.use(prepare(cut));
  koa.use(observe);
  koa.use(answerErrors(onError));
  if (options.broker) koa.use(handOver(options.broker));
  koa.use(readTarget);
  koa.use(admit);
  koa.use(dispatch(routes));
  return koa.callback();
}

/** One for all: to make an error costs as much as to end a scrape. */
const LEFT = new DOMException('the reader has left', 'AbortError');

/**
 * Fills `ctx.state`; readers that leave together are told of one after the other. The target follows in `readTarget`,
 * where it may be refused.
 */
function prepare(cut: AbortSignal): Handler {
  const departures = new Turns();
  return (ctx, next) => {
    const reader = new AbortController();
    ctx.res.once('close', () => {
      if (!ctx.res.writableFinished) departures.run(() => reader.abort(LEFT));
    });
    ctx.state.signal = reader.signal;
    ctx.state.cut = cut;
    ctx.state.scope = 'all';
    ctx.state.handler = NOWHERE;
    ctx.state.target = { path: '/', query: '' };
    return next();
  };
}

const BROKER = /^\/broker\/v2(?=[/?]|$)/;

/** The broker speaks JSON of its own, also of paths and credentials that are wrong. */
function handOver(broker: Handler): Handler {
  return (ctx, next) => {
    const target = (ctx.req.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '');
    const [path = '', query = ''] = target.split('?', 2);
    if (!BROKER.test(path)) return next();
    ctx.state.handler = 'broker';
    ctx.state.target = { path, query };
    return broker(ctx, next);
  };
}

/** A token in a target would end in the logs of all that stand before promgate, and in those of apps. */
const readTarget: Handler = (ctx, next) => {
  const target = ctx.req.url ?? '';
  if (findToken(target) !== undefined) {
    const remedy =
      "it belongs in the header Authorization; it should be changed, as others' logs may hold it";
    throw new Problem('bad-request', `the path or query holds a binding's token: ${remedy}`);
  }
  ctx.state.target = parseTarget(target);
  return next();
};

function answerErrors(onError: SiteOptions['onError']): Handler {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (ctx.state.signal.aborted || isDeparture(error)) return; // nobody is there to answer
      if (!(error instanceof Problem)) onError(error, ctx.state.target.path);
      if (ctx.headerSent) {
        ctx.res.destroy(); // too late for a status: the reader must see that the answer is broken
        return;
      }
      const internal = new Problem('internal', 'the log says more');
      writeProblem(ctx, error instanceof Problem ? error : internal);
    }
  };
}

function dispatch(routes: readonly Route[]): Handler {
  const exact = new Map(routes.map((route) => [route.path, route]));
  const patterns = routes.filter(({ path }) => typeof path !== 'string');
  return (ctx, next) => {
    const { path } = ctx.state.target;
    const route = exact.get(path) ?? patterns.find((candidate) => matches(candidate.path, path));
    if (!route) throw new Problem('not-found', 'see the README for the paths that are answered');
    ctx.state.handler = route.name;
    const { methods = READ } = route;
    if (!methods.includes(ctx.method)) {
      const allow = methods.join(', ');
      throw new Problem('method-not-allowed', `${ctx.method.slice(0, 20)} is not among ${allow}`, {
        headers: { Allow: allow },
      });
    }
    if (route.operatorsOnly && ctx.state.scope !== 'all') {
      throw new Problem('forbidden', "an operator's credential is needed here");
    }
    return route.handle(ctx, next);
  };
}

function matches(pattern: string | RegExp, path: string): boolean {
  return typeof pattern !== 'string' && pattern.test(path);
}

/** Of a write: the reader broke off; it was under way then, or came too late. */
const DEPARTURES: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECANCELED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** Whether `error` only says that the reader is gone. */
function isDeparture(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'AbortError' || ('code' in error && DEPARTURES.has(error.code));
}
