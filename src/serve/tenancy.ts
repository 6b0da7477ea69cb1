/**
 * Who pushes: the tenant of a credential in the push gateway, and the part of the page that the
 * credential may read.
 */
import type { Tenancy } from '../push/push.ts';
import { Problem } from './errors.ts';
import { pushes, type Scope } from './scope.ts';

/** The tenant of operators, and of everybody while `auth.mode` is `open`. */
const COMMON: Tenancy = { tenant: '', forced: [] };

/**
 * @param scope - of a request that `pushersOnly` has admitted
 * @throws {Problem} `forbidden` for a token that reads the pages of apps
 */
export function tenancyOf(scope: Scope): Tenancy {
  if (scope === 'all') return COMMON;
  if (!pushes(scope)) throw new Problem('forbidden', 'the token reads the pages of apps only');
  const { tenant, labels } = scope.pushes;
  return { tenant, forced: labels };
}

/**
 * The tenant whose metrics the credential may read; undefined: those of all tenants.
 *
 * @throws {Problem} as `tenancyOf` does
 */
export function readableTenant(scope: Scope): string | undefined {
  return scope === 'all' ? undefined : tenancyOf(scope).tenant;
}
