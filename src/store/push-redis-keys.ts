/**
 * The names of the keys of the push gateway in Redis: `promgate:push:tenants`, and per tenant
 * `promgate:push:{t:<tenant>}:…`. All keys of one tenant have one hash tag, so that a cluster keeps
 * them on one server.
 */
export interface TenantKeys {
  readonly tenant: string;
  readonly version: string;
  /** The beginning of the keys of the buckets. */
  readonly buckets: string;
  readonly forRead: readonly string[];
  forCommit(buckets: readonly number[]): string[];
}

/** @param prefix - of all keys; has no braces */
export function tenantsKey(prefix: string): string {
  return `${prefix}:push:tenants`;
}

export function tenantKeys(prefix: string, tenant: string): TenantKeys {
  const base = `${prefix}:push:{t:${tenantTag(tenant)}}:`;
  const key = (name: string): string => base + name;
  const [version, about, changed, named] = ['version', 'about', 'changed', 'named'].map(key);
  const [empty, writers, lock] = ['empty', 'writers', 'lock'].map(key);
  const common = [version!, about!, changed!, named!]; // as many as names above
  return {
    ...{ tenant, version: version!, buckets: base },
    forRead: [...common, writers!],
    forCommit: (buckets) => [
      ...[...common, empty!, writers!, lock!],
      ...buckets.flatMap((bucket) => [`${base}v:${bucket}`, `${base}k:${bucket}`]),
    ],
  };
}

/**
 * The tenant as keys and the list of tenants have it. A hash tag ends at the first brace, and UTF-8
 * has no lone surrogates.
 */
export function tenantTag(tenant: string): string {
  return tenant.replace(
    /[%{}]|\p{Surrogate}/gu, // with `u` only a lone surrogate matches
    (char) => `%${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The inverse of `tenantTag`. */
export function taggedTenant(tag: string): string {
  return tag.replace(/%([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}
