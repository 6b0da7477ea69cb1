/**
 * Tells the router's own answers from those of the app behind it.
 *
 * gorouter names its refusals in `X-Cf-RouterError`, but for those of an identity-aware route. It adds
 * `X-Vcap-Request-Id` to every answer of an app, and to none of its own.
 */
import type { Failure } from './failure.ts';
import { firstValue, type ResponseHeaders } from './get.ts';
import type { ScrapeTarget } from './target.ts';

/**
 * The failure that gorouter itself reports.
 *
 * @returns undefined if the app answered, or another program than gorouter
 */
export function routerFailure(
  { via }: Pick<ScrapeTarget, 'via'>,
  status: number,
  headers: ResponseHeaders,
): Failure | undefined {
  if ((via !== 'gorouter' && via !== 'identity') || status < 400) return undefined;
  if (headers['x-vcap-request-id'] !== undefined) return undefined; // whatever the app calls itself
  const word = firstValue(headers['x-cf-routererror']) ?? '';
  if (word !== '') return wordFailure(word);
  if (via !== 'identity') return undefined;
  if (status === 403) return 'route-policy';
  return status === 421 ? 'router-refused' : undefined;
}

/** Refusals of the request itself, before the router looked for an instance. */
const REFUSED: ReadonlySet<string> = new Set([
  'invalid_cf_app_instance_header',
  'invalid_cf_process_instance_header',
  'empty_host',
  'max-request-size-exceeded',
]);

function wordFailure(word: string): Failure {
  if (word === 'unknown_route') return 'unknown-route';
  if (word === 'no_endpoints') return 'no-endpoints';
  return REFUSED.has(word) ? 'router-refused' : 'endpoint-failure';
}
