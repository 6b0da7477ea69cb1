/**
 * The list of all tenants that promgates have in Redis, and their versions.
 *
 * A tenant is in the list before its first commit. Redis forgets a tenant that has had no records for
 * a week; its place in the list is removed later, by whoever starts then.
 */
import { isReply } from './channel-error.ts';
import { taggedTenant, tenantKeys, tenantsKey, tenantTag } from './push-redis-keys.ts';
import { type RedisSession, script } from './redis-session.ts';

/** A tenant that another promgate enlists meanwhile keeps its place. */
const FORGET = script(`
  if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end
`);

/** A promgate that has enlisted a tenant commits long before that. */
const FORGET_AFTER_MS = 24 * 3600 * 1000;
/** Keys of one command: Redis does nothing else while it looks them up. */
const KEYS_AT_ONCE = 1000;
/** Commands that are sent in one go: each costs this process 6 us. */
const GETS_AT_ONCE = 250;

export class TenantList {
  readonly #session: RedisSession;
  readonly #prefix: string;
  readonly #versionKeys = new Map<string, string>();
  /** Set when Redis is a cluster, which takes no command on keys of several tenants. */
  #isCluster = false;

  constructor(session: RedisSession, prefix: string) {
    this.#session = session;
    this.#prefix = prefix;
  }

  async read(): Promise<string[]> {
    const [tenants] = await this.#session.ask([['zrange', tenantsKey(this.#prefix), 0, -1]]);
    return Array.isArray(tenants) ? tenants.map((tag) => taggedTenant(String(tag))) : [];
  }

  async add(tenant: string): Promise<void> {
    await this.#session.ask([['zadd', tenantsKey(this.#prefix), Date.now(), tenantTag(tenant)]]);
  }

  /** @returns the versions of these tenants, '' for those that Redis does not have */
  async versions(tenants: readonly string[]): Promise<string[]> {
    if (this.#versionKeys.size > 2 * tenants.length + KEYS_AT_ONCE) this.#versionKeys.clear();
    const keys = tenants.map((tenant) => this.#versionKey(tenant));
    const answers: unknown[] = [];
    for (let i = 0; i < keys.length; i += KEYS_AT_ONCE) {
      answers.push(...(await this.#values(keys.slice(i, i + KEYS_AT_ONCE))));
    }
    return answers.map((version) => (version === null ? '' : String(version)));
  }

  /** Removes tenants that have gone. */
  async forgetGone(): Promise<void> {
    const key = tenantsKey(this.#prefix);
    const until = Date.now() - FORGET_AFTER_MS;
    const [old] = await this.#session.ask([['zrangebyscore', key, '-inf', until, 'withscores']]);
    if (!Array.isArray(old)) return;
    const tags = old.filter((_, i) => i % 2 === 0).map(String);
    const versions = await this.versions(tags.map(taggedTenant));
    for (const [i, tag] of tags.entries()) {
      if (versions[i] !== '') continue;
      await this.#session.run(FORGET, { keys: [key], values: [tag, String(old[2 * i + 1])] });
    }
  }

  async #values(keys: readonly string[]): Promise<unknown[]> {
    if (!this.#isCluster) {
      try {
        const [values] = await this.#session.ask([['mget', ...keys]]);
        return values as unknown[]; // MGET answers a list
      } catch (error) {
        if (!isReply(error) || !/^CROSSSLOT\b/.test(String((error as Error).message))) throw error;
        this.#isCluster = true;
      }
    }
    const values: unknown[] = [];
    for (let i = 0; i < keys.length; i += GETS_AT_ONCE) {
      const gets = keys.slice(i, i + GETS_AT_ONCE).map((key) => ['get', key] as const);
      values.push(...(await this.#session.ask(gets)));
    }
    return values;
  }

  #versionKey(tenant: string): string {
    let key = this.#versionKeys.get(tenant);
    if (key === undefined) {
      key = tenantKeys(this.#prefix, tenant).version;
      this.#versionKeys.set(tenant, key);
    }
    return key;
  }
}
