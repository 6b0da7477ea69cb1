/**
 * The state of every request, and its path and query as sent, from which handlers read names.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Middleware } from 'koa';
import type { Turns } from '../clock.ts';
import { Problem } from './errors.ts';
import type { Scope } from './scope.ts';

/** `ctx.state` of every request. */
export interface RequestState {
  /** Path and query as sent, not decoded. */
  target: Target;
  /** Aborts when the connection closes before the answer is sent, as when the reader leaves. */
  signal: AbortSignal;
  /** Aborts when the server stops and open scrapes must answer with what has arrived. */
  cut: AbortSignal;
  /** What the reader may see. */
  scope: Scope;
  /** Whether `Authorization` is meant for promgate in any mode, and so goes to no app. */
  credentialIsOurs?: boolean;
  /** The name of the route or mount that answers, of a closed set. */
  handler: string;
  /** How many pages of instances and exporters arrived, and how many failed; for the log. */
  instances?: { readonly ok: number; readonly failed: number };
}

/** Aborts when the reader has left, or the server stops. */
export function answerNow({ signal, cut }: Pick<RequestState, 'signal' | 'cut'>): AbortSignal {
  return AbortSignal.any([signal, cut]);
}

export type Handler = Middleware<RequestState>;
export type RequestContext = Parameters<Handler>[0];

/** What a handler needs that answers without koa. */
export type Exchange = Pick<RequestContext, 'req' | 'res' | 'state'>;

/** Shared by all requests, since creating an error takes as long as ending a scrape. */
const LEFT = new DOMException('the reader has left', 'AbortError');
/** The handler of a request that no route has. */
export const NOWHERE = 'none';

export interface StateOptions {
  readonly cut: AbortSignal;
  /** If many readers leave together, their signals abort in turns. */
  readonly departures: Turns;
}

/** The state of a request that has just arrived. */
export function newState(
  { url = '' }: IncomingMessage,
  res: ServerResponse,
  { cut, departures }: StateOptions,
): RequestState {
  const reader = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) departures.run(() => reader.abort(LEFT));
  });
  const { signal } = reader;
  return { target: splitTarget(url), signal, cut, scope: 'all', handler: NOWHERE };
}

export interface Target {
  /** Begins with `/` after `checkTarget`; percent-encoded as sent. */
  readonly path: string;
  /** Without the `?`; '' if there is no query. */
  readonly query: string;
}

/**
 * Splits the target of a request line, in origin form or absolute form. Never throws.
 *
 * `new URL` would take `//host` for an address and resolve `..`; koa's `ctx.URL` is an empty object
 * if the Host header is malformed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2
 */
export function splitTarget(target: string): Target {
  const origin = target.replace(/^https?:\/\/[^/?#]+/i, '');
  const text = origin !== target && !origin.startsWith('/') ? `/${origin}` : origin;
  const mark = text.indexOf('?');
  return mark < 0
    ? { path: text, query: '' }
    : { path: text.slice(0, mark), query: text.slice(mark + 1) };
}

/** @throws {Problem} `bad-request` */
export function checkTarget({ path, query }: Target): void {
  if (path.startsWith('/') && !/[\s#\p{Cc}]/u.test(path + query)) return;
  const detail = 'the path must begin with /, and the target must not hold blanks or #';
  throw new Problem('bad-request', detail);
}
