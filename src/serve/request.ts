/**
 * What every handler knows of its request, and the raw path it must read names from.
 */
import type { Middleware } from 'koa';
import { Problem } from './errors.ts';
import type { Scope } from './scope.ts';

/** `ctx.state` of every request. */
export interface RequestState {
  /** Path and query as sent, not decoded. */
  target: Target;
  /** Aborts when the reader has left, or the server ends for good. */
  signal: AbortSignal;
  /** Aborts when the server stops: answer now, with what has arrived. */
  cut: AbortSignal;
  /** What the reader may see. */
  scope: Scope;
  /** The `Authorization` is promgate's, whatever the mode: it goes to no app. */
  credentialIsOurs?: boolean;
  /** The name of the handler that answers: one of a closed set. */
  handler: string;
  /** How many app instances answered this request, for the log. */
  instances?: { readonly ok: number; readonly failed: number };
}

/** Aborts when there is no time, or nobody, left to wait for. */
export function answerNow({ signal, cut }: Pick<RequestState, 'signal' | 'cut'>): AbortSignal {
  return AbortSignal.any([signal, cut]);
}

export type Handler = Middleware<RequestState>;
export type RequestContext = Parameters<Handler>[0];

export interface Target {
  /** Begins with `/` once it was checked; escapes as sent. */
  readonly path: string;
  /** Without its `?`; '' when there is none. */
  readonly query: string;
}

/**
 * Splits the target of a request line, in origin form or absolute form, whatever it holds.
 *
 * `new URL` is of no use here: it takes `//host` for an address and resolves `..`, and koa's `ctx.URL`
 * is an empty object when the Host header is ill-formed.
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
  throw new Problem('bad-request', 'the path must begin with / and hold no blanks and no #');
}
