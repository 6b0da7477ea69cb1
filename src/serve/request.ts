/**
 * The state of every request, and its path and query as sent, from which handlers read names.
 */
import type { Middleware } from 'koa';
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
