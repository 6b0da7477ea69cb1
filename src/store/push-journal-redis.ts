/**
 * The journal of pushes in Redis or Valkey, which several promgates share.
 *
 * Each commit is a comparison: a script (`push-redis-commit.lua`) keeps the changes of a tenant if nobody
 * has committed since the version that this promgate knows. Otherwise the ledger reads what others
 * have changed (`push-redis-read.lua`) and applies its pushes anew, so that only the ledger knows how metrics
 * are put together. A commit without an answer is sent again, and the script finds out whether it was
 * kept. A promgate that was slower three times in a row gets the tenant for itself for up to 1 s, which
 * is time to read and to commit on a server that is 300 ms away.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { RedisAddress } from '../config/redis-url.ts';
import type { Journal, Stale, StoredTenant, TenantChanges, TenantUpdate } from '../push/record.ts';
import { JournalError } from '../push/record.ts';
import type { ChannelError } from './channel-error.ts';
import { type PackedChanges, packChanges } from './push-redis-bytes.ts';
import { journalError } from './push-redis-error.ts';
import { type TenantKeys, tenantKeys } from './push-redis-keys.ts';
import { type PushServer, readPushServer } from './push-redis-server.ts';
import { KnownTenant, newWriter, printVersion, type Version } from './push-redis-tenant.ts';
import { TenantList } from './push-redis-tenant-list.ts';
import { readTenant } from './push-redis-update.ts';
import type { ChannelTls, RedisCommand } from './redis.ts';
import { RedisSession, script } from './redis-session.ts';

export interface SharedJournalOptions {
  readonly address: RedisAddress;
  /** Called before every connection, as operators rotate the files; undefined: without TLS. */
  readonly readTls: (() => Promise<ChannelTls>) | undefined;
  /** Promgates with the same prefix on one server share their tenants; without braces. */
  readonly prefix: string;
  /** How many replicas of the server must have a commit before it counts as kept; default 0. */
  readonly replicas?: number | undefined;
  /** How long a promgate that was often too slow has a tenant for itself; default 1 s. */
  readonly lockMs?: number | undefined;
  readonly observer?: SharedJournalObserver;
}

/** No method may throw. */
interface SharedJournalObserver {
  /** There is a connection. */
  onReady?(): void;
  /** An attempt to connect failed, or the connection was lost. */
  onFailure?(error: ChannelError): void;
  /** Called after each `onReady` with what the server says of itself. */
  onServer?(server: PushServer): void;
  /** A commit was not kept, as another promgate was faster. */
  onStale?(tenant: string): void;
  /** Redis has lost commits: it was emptied, restored, or a replica without them took over. */
  onLost?(tenant: string): void;
}

const COMMIT = script(readFileSync(new URL('push-redis-commit.lua', import.meta.url), 'utf8'));

/** Records are bounded, and an answer has at most one bucket more than asked for. */
const MAX_ANSWER_BYTES = 160 * 1024 * 1024;
/** So many commits in a row that others were faster than, and the next attempt takes the lock. */
const PATIENT_STALES = 3;
const LOCK_MS = 1_000;
/** Bound on the time that a commit waits for the lock of another promgate. */
const BUSY_MS = 1_500;
const BUSY_PAUSE_MS = 10;
/** Tenants that are read at a time. */
const READS = 8;
const WAIT_MS = 1_000;

export function openSharedJournal(options: SharedJournalOptions): SharedJournal {
  return new SharedJournal(options);
}

interface Commit {
  readonly changes: TenantChanges;
  readonly known: KnownTenant;
  readonly packed: PackedChanges;
  readonly createdIds: readonly number[];
  readonly removedIds: readonly number[];
}

class SharedJournal implements Journal {
  readonly durability = 'shared';
  readonly #options: SharedJournalOptions;
  readonly #session: RedisSession;
  readonly #list: TenantList;
  readonly #known = new Map<string, KnownTenant>();
  /** Whose lock it is. */
  readonly #owner = newWriter();
  #isClosed = false;

  constructor(options: SharedJournalOptions) {
    const { address, readTls, prefix, observer } = options;
    this.#options = options;
    this.#session = new RedisSession({
      ...{ address, readTls, maxAnswerBytes: MAX_ANSWER_BYTES },
      onReady: () => {
        observer?.onReady?.();
        if (observer?.onServer) void this.#readServer();
      },
      onFailure: (error) => observer?.onFailure?.(error),
    });
    this.#list = new TenantList(this.#session, prefix);
  }

  get state(): 'ready' | 'away' {
    return this.#session.state;
  }

  async load(): Promise<readonly StoredTenant[]> {
    return this.#guarded(async () => {
      await this.#list.forgetGone();
      const limit = pLimit(READS);
      const tenants = await this.#list.read();
      const loaded = await Promise.all(
        tenants.map((tenant) => limit(() => this.#load(tenant, new Set(), true))),
      );
      return loaded.flatMap((update) => {
        if (!update) return [];
        const { tenant, forced, nextId, created: records } = update;
        return [{ tenant, forced, nextId, records }];
      });
    });
  }

  async commit(changes: readonly TenantChanges[]): Promise<readonly Stale[]> {
    this.#assertOpen();
    const prepared = changes.map((one) => this.#prepare(one));
    const done = await Promise.all(
      prepared.map((one) => ('packed' in one ? one.known.inTurn(() => this.#commit(one)) : one)),
    );
    return done.filter((stale) => stale !== undefined);
  }

  async reload(tenant: string, unsure: Iterable<number>): Promise<TenantUpdate | undefined> {
    return this.#guarded(() => this.#load(tenant, new Set(unsure), false));
  }

  async changedElsewhere(): Promise<readonly string[]> {
    return this.#guarded(async () => {
      const listed = new Set(await this.#list.read());
      for (const [tenant, known] of this.#known) if (!listed.has(tenant)) known.isListed = false;
      const lost = [...this.#known].filter(([, { isListed, version }]) => !isListed && version.seq);
      for (const [tenant, known] of lost) await this.#enlist(tenant, known);
      const tenants = [...new Set([...this.#known.keys(), ...listed])];
      const versions = await this.#list.versions(tenants);
      return tenants.filter((tenant, i) => {
        const known = this.#known.get(tenant);
        if ((known?.text ?? '') === versions[i]) return false;
        return !known?.pending || printVersion(known.pending) !== versions[i];
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#session[Symbol.asyncDispose]();
  }

  #keys(tenant: string): TenantKeys {
    return tenantKeys(this.#options.prefix, tenant);
  }

  /** Takes a copy of the changes. */
  #prepare(changes: TenantChanges): Commit | Stale {
    const { tenant, created, removed } = changes;
    const known = this.#known.get(tenant) ?? new KnownTenant();
    this.#known.set(tenant, known);
    try {
      const packed = packChanges(changes, (id) => known.ids.has(id));
      const createdIds = created.map(({ id }) => id);
      return { changes, known, packed, createdIds, removedIds: [...removed] };
    } catch (error) {
      return { tenant, error: journalError(error) };
    }
  }

  async #commit(commit: Commit): Promise<Stale | undefined> {
    const { known, changes } = commit;
    const { tenant } = changes;
    try {
      if (!known.isListed) await this.#enlist(tenant, known);
      const version: Version = { seq: known.version.seq + 1, writer: known.writer };
      known.pending = version;
      const answer = await this.#send(commit, version);
      if (answer.result !== 'kept') {
        known.stales += 1;
        this.#options.observer?.onStale?.(tenant);
        return { tenant };
      }
      known.stales = 0;
      known.setVersion(version);
      for (const id of commit.createdIds) known.ids.add(id);
      for (const id of commit.removedIds) known.ids.delete(id);
      if (answer.replicas >= (this.#options.replicas ?? 0)) return undefined;
      return { tenant, error: new JournalError('unreplicated', UNREPLICATED) };
    } catch (error) {
      known.writer = newWriter(); // the commit may have been kept, or may be kept later
      return { tenant, error: journalError(error) };
    } finally {
      known.pending = undefined;
    }
  }

  /** Waits while another promgate has the lock of the tenant. */
  async #send({ known, changes, packed }: Commit, next: Version) {
    const { tenant, nextId, forced } = changes;
    const { replicas = 0, lockMs = LOCK_MS } = this.#options;
    const keys = this.#keys(tenant).forCommit(packed.buckets);
    const values = [
      ...[known.text, printVersion(next), next.seq, next.writer],
      ...[nextId, JSON.stringify(forced), this.#owner],
      ...[known.stales >= PATIENT_STALES ? lockMs : 0, packed.bytes],
    ];
    const after: RedisCommand[] = replicas > 0 ? [['wait', replicas, WAIT_MS]] : [];
    const untilMs = performance.now() + BUSY_MS;
    for (;;) {
      const [raw, replicated = 0] = await this.#session.run(COMMIT, { keys, values, after });
      const result = String(raw);
      if (result !== 'busy' || performance.now() > untilMs) {
        return { result, replicas: Number(replicated) };
      }
      await delay(BUSY_PAUSE_MS);
    }
  }

  async #enlist(tenant: string, known: KnownTenant): Promise<void> {
    await this.#list.add(tenant);
    known.isListed = true;
  }

  /** @param isFirst - whether the ledger has nothing of the tenant */
  async #load(
    tenant: string,
    unsure: ReadonlySet<number>,
    isFirst: boolean,
  ): Promise<TenantUpdate | undefined> {
    const known = (!isFirst && this.#known.get(tenant)) || new KnownTenant();
    return known.inTurn(async () => {
      const read = await readTenant(this.#session, this.#keys(tenant), known, unsure);
      const isLost = read ? read.history === 'lost' : known.version.seq > 0;
      if (isLost && !known.ids.isEmpty) this.#options.observer?.onLost?.(tenant);
      if (!read) {
        this.#known.delete(tenant);
        return undefined;
      }
      const { update, version } = read;
      if (isLost) known.writer = newWriter();
      if (update.isWhole) known.ids.clear();
      for (const { id } of update.created) known.ids.add(id);
      for (const id of update.removed) known.ids.delete(id);
      known.setVersion(version);
      known.isListed = true;
      this.#known.set(tenant, known);
      return update;
    });
  }

  async #readServer(): Promise<void> {
    try {
      this.#options.observer?.onServer?.(await readPushServer(this.#session));
    } catch {
      // The connection is lost again, which `onFailure` tells; the next one asks anew.
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new JournalError('ended', 'the journal of pushes is closed');
  }

  async #guarded<T>(task: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    try {
      return await task();
    } catch (error) {
      throw journalError(error);
    }
  }
}

const UNREPLICATED =
  'the push is in Redis, but fewer replicas than configured have it: look at the replicas of Redis';
