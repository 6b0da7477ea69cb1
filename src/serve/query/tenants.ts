/**
 * Whose series a reader may see, and how failures and replicas are treated for it: the scope of one
 * query.
 */
import { normalizeGuid } from '../../../broker/guid.ts';
import type { Matcher } from '../../promql/evaluate/storage.ts';
import type { QueryScope } from '../../query/federation.ts';
import { badParameter, QueryError } from '../query-errors.ts';
import { pushes, type Scope } from '../scope.ts';
import { durationOf, flagOf } from './parameters.ts';

/** The labels by which app pages tell apps and spaces apart. */
const APP_LABEL = 'app_id';
const SPACE_LABEL = 'space_id';

/**
 * The matchers that every series must satisfy that the reader sees.
 *
 * A label with an empty value is a missing label for Prometheus: an empty id gives no access.
 *
 * @returns nothing for a reader that sees everything
 * @throws {QueryError} `forbidden` for a credential that names neither app nor space
 */
export function tenantsOf(scope: Scope): readonly (readonly Matcher[])[] {
  if (scope === 'all') return [];
  if (pushes(scope)) throw noAccess();
  const { appId, spaceId } = scope;
  if (appId === '' || (appId === undefined && spaceId === '')) throw noAccess();
  const matchers: Matcher[] = [];
  if (appId !== undefined) matchers.push(equal(APP_LABEL, appId));
  if (spaceId !== '') matchers.push(equal(SPACE_LABEL, spaceId));
  return [matchers];
}

function equal(name: string, id: string): Matcher {
  return { name, op: '=', value: normalizeGuid(id) };
}

function noAccess(): QueryError {
  return new QueryError('forbidden', 'the credential names no app and no space to read');
}

/** Fails for readers that do not see everything. */
export function requireOperator(scope: Scope): void {
  if (scope === 'all') return;
  throw new QueryError('forbidden', "this path needs an operator's credential");
}

/**
 * Reads the parameters of Thanos beside the reader's rights: `partial_response`, `dedup`, and
 * `max_source_resolution`, which says nothing here, since promgate has no downsampled data.
 */
export function queryScope(
  scope: Scope,
  parameters: URLSearchParams,
  partialByDefault: boolean,
): QueryScope {
  const resolution = parameters.get('max_source_resolution');
  if (resolution !== null && resolution !== '' && resolution !== 'auto') {
    const ms = durationOf(parameters, 'max_source_resolution') ?? 0;
    if (ms < 0) throw badParameter('max_source_resolution', 'it must not be negative');
  }
  const tenants = tenantsOf(scope);
  const dedup = flagOf(parameters, 'dedup', true);
  return {
    tenants,
    partialResponse: flagOf(parameters, 'partial_response', partialByDefault),
    dedup: dedup || tenants.length > 0, // the label that tells replicas apart names servers
  };
}
