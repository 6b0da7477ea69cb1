/**
 * Judges a response by its status, by `Location`, and by what a router says of itself.
 */
import type { Failure } from './failure.ts';
import { firstValue, type ResponseHeaders } from './get.ts';
import { redirectPath } from './redirect.ts';
import { routerFailure } from './router-answer.ts';
import type { ScrapeTarget } from './target.ts';
import { isBelow } from './way.ts';

/** Why there is no page, or where to ask for the page instead. */
export type Verdict = Failure | { readonly path: string };

interface Asked {
  readonly target: ScrapeTarget;
  readonly path: string;
  /** How many redirects this fetch has followed. */
  readonly redirects: number;
}

const MAX_REDIRECTS = 3;

/** @returns undefined if the app's page follows */
export function judge(status: number, headers: ResponseHeaders, asked: Asked): Verdict | undefined {
  const refusal = routerFailure(asked.target, status, headers);
  if (refusal !== undefined || status === 200) return refusal;
  if (status >= 300 && status < 400) {
    return redirected(status, firstValue(headers['location']), asked);
  }
  if (status >= 400 && status < 500) return 'status-4xx';
  return status >= 500 && status < 600 ? 'status-5xx' : 'status-other';
}

function redirected(status: number, location: string | undefined, asked: Asked): Verdict {
  if (asked.redirects >= MAX_REDIRECTS) return 'redirect';
  const path = redirectPath(status, location, asked.target, asked.path);
  const { routePath = '' } = asked.target;
  if (path !== undefined && !isBelow(path, routePath)) return 'route-path';
  return path === undefined ? 'redirect' : { path };
}

const MAX_WORD = 200;

/** What the router said of itself, for the log. */
export function routerWord(headers: ResponseHeaders): string | undefined {
  const word = firstValue(headers['x-cf-routererror']);
  return word === undefined ? undefined : `X-Cf-RouterError: ${word.slice(0, MAX_WORD)}`;
}
