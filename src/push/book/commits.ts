/**
 * Group commit: while a commit is under way, pushes gather for the next one; each is answered once
 * the commit that holds it has ended.
 */

import { type Journal, JournalError, type TenantChanges } from '../record.ts';
import { PushRefusal } from '../refusal.ts';
import type { Tenant } from './tenant.ts';

/** A change that waits until it is kept. */
interface Waiting {
  /** Makes the change again, on what another promgate has made of the tenant. May throw. */
  readonly again: () => void;
  readonly kept: () => void;
  readonly failed: (why: unknown) => void;
}

/** Changes of a tenant that were not kept, or that nobody knows of. */
interface StaleChanges {
  readonly waiting: readonly Waiting[];
  /** Changes that were made after these. */
  readonly later: readonly Waiting[];
  readonly error: unknown;
}

export interface CommitsOptions {
  readonly journal: Journal;
  /** The tenant as it is now; undefined if it is gone. */
  readonly tenantOf: (name: string) => Tenant | undefined;
  readonly tenantNames: () => Iterable<string>;
  /** Forgets a tenant's changes and takes what the journal has. May reject. */
  readonly reload: (name: string) => Promise<void>;
  readonly onCommit?: (commit: { readonly pushes: number; readonly seconds: number }) => void;
  readonly onFailure?: (error: unknown) => void;
}

const KEPT = Promise.resolve();

export class Commits {
  readonly #options: CommitsOptions;
  /** Tenants with changes that no commit has taken. */
  #waiting = new Map<string, Waiting[]>();
  /** Tenants with changes in the commit that is under way. */
  #committing: ReadonlySet<string> = new Set();
  #running: Promise<void> | undefined;
  readonly #catchingUp = new Set<Promise<void>>();
  /** Tenants whose last commit the journal did not keep. */
  readonly #failed = new Set<string>();
  /** Tenants that are being loaded anew, or must be before anything is done with them. */
  readonly #lost = new Map<string, Promise<void> | undefined>();

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** Tenants that are not sure to be what the journal has. */
  get lost(): readonly string[] {
    return [...this.#lost.keys()];
  }

  /** Whether a change of the tenant must wait for `ready`. */
  isLost(name: string): boolean {
    return this.#lost.has(name);
  }

  /**
   * Waits until the tenant in memory is what the journal has, if that is not sure.
   *
   * @throws {PushRefusal} `not_stored`
   */
  async ready(name: string): Promise<void> {
    while (this.#lost.has(name)) {
      try {
        await (this.#lost.get(name) ?? this.#reload(name));
      } catch (cause) {
        throw notStored(cause);
      }
    }
  }

  /**
   * Resolves when all that the tenant's records have noted so far is kept.
   *
   * @throws {PushRefusal} `not_stored`, or what `again` throws
   */
  kept(name: string, again: () => void): Promise<void> {
    if (this.#options.journal.durability === 'memory') return KEPT;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { again, kept: resolve, failed: reject };
    const list = this.#waiting.get(name);
    if (list) list.push(waiting);
    else this.#waiting.set(name, [waiting]);
    this.#running ??= this.#run();
    return promise;
  }

  /** Resolves when no commit is under way, and none is to be made again. */
  async idle(): Promise<void> {
    while (this.#running || this.#catchingUp.size > 0) {
      await Promise.all([this.#running, ...this.#catchingUp]);
    }
  }

  async #run(): Promise<void> {
    await new Promise(setImmediate); // requests that have arrived together are kept together
    while (this.#waiting.size > 0) {
      const batch = this.#waiting;
      this.#waiting = new Map();
      this.#committing = new Set(batch.keys());
      await this.#commit(batch);
    }
    this.#committing = new Set();
    this.#running = undefined;
  }

  async #commit(batch: Map<string, Waiting[]>): Promise<void> {
    const { journal, onCommit, onFailure } = this.#options;
    const startedMs = performance.now();
    try {
      const changes = [...batch.keys()].map((name) => this.#changesOf(name));
      const made = changes.filter((one) => one !== undefined);
      const stale = made.length === 0 ? [] : await journal.commit(made);
      const names = new Set(stale.map(({ tenant }) => tenant));
      let pushes = 0;
      for (const [name, waiting] of batch) {
        if (names.has(name)) continue;
        this.#options.tenantOf(name)?.records.committed();
        pushes += waiting.length;
        for (const { kept } of waiting) kept();
      }
      for (const { tenant, error } of stale) {
        if (error) {
          onFailure?.(error);
          this.#failed.add(tenant);
        }
        this.#catchUpSoon(tenant, batch.get(tenant) ?? [], error);
      }
      if (stale.some(({ error }) => error)) return;
      onCommit?.({ pushes, seconds: (performance.now() - startedMs) / 1000 });
    } catch (cause) {
      onFailure?.(cause);
      for (const [name, waiting] of batch) {
        this.#failed.add(name);
        this.#lose(name, waiting, cause);
      }
      this.#loseOthers(cause);
      for (const name of batch.keys()) this.#reloadSoon(name);
    }
  }

  #changesOf(name: string): TenantChanges | undefined {
    const tenant = this.#options.tenantOf(name);
    if (!tenant?.records.hasChanges) return undefined;
    const { forced, records } = tenant;
    return { tenant: name, forced, ...records.takeChanges(), nextId: records.nextId };
  }

  /** Other tenants do not wait for a tenant that must be read anew. */
  #catchUpSoon(name: string, waiting: readonly Waiting[], error: unknown): void {
    const later = this.#waiting.get(name) ?? []; // booked while the commit was under way
    this.#waiting.delete(name);
    const catchingUp = this.#catchUp(name, { waiting, later, error }).finally(() =>
      this.#catchingUp.delete(catchingUp),
    );
    this.#catchingUp.add(catchingUp);
  }

  /**
   * Makes the changes again on what the journal has; they wait for the next commit.
   *
   * @param stale - with an error, nobody knows whether `waiting` was kept: these changes are refused at
   *   once, as the reload may take as long as the commit did
   */
  async #catchUp(name: string, { waiting, later, error }: StaleChanges): Promise<void> {
    const open = error === undefined ? waiting : [];
    if (error !== undefined) for (const { failed } of waiting) failed(notStored(error));
    try {
      await this.#reload(name);
    } catch (cause) {
      this.#lose(name, [...open, ...later], cause);
      return;
    }
    const again = [...open, ...later].filter((one) => {
      try {
        one.again();
        return true;
      } catch (refusal) {
        one.failed(refusal);
        return false;
      }
    });
    if (again.length === 0) return;
    this.#waiting.set(name, [...again, ...(this.#waiting.get(name) ?? [])]);
    this.#running ??= this.#run();
  }

  /** Nothing is known of the tenant's last changes: they are refused, and the tenant is loaded anew. */
  #lose(name: string, waiting: readonly Waiting[], cause: unknown): void {
    const later = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    if (!this.#lost.has(name)) this.#lost.set(name, undefined);
    const why = notStored(cause);
    for (const { failed } of [...waiting, ...later]) failed(why);
  }

  /** Pages must not show for long what was refused: a counter that falls looks like a new one. */
  #reloadSoon(name: string): void {
    if (this.#lost.get(name)) return; // under way
    this.#reload(name).catch(() => undefined); // the next push tries again, and tells
  }

  /** A journal that was removed may come back as it was earlier: no tenant is sure to be in it. */
  #loseOthers(cause: unknown): void {
    if (!(cause instanceof JournalError && cause.failure === 'missing')) return;
    for (const name of this.#options.tenantNames()) {
      if (!this.#lost.has(name)) this.#lose(name, [], cause);
    }
  }

  /** Loads a tenant that is lost or changed elsewhere, unless changes of it wait for a commit. */
  async refresh(name: string): Promise<void> {
    if (this.#waiting.has(name) || this.#committing.has(name)) return; // the commit will tell
    await (this.#lost.get(name) ?? this.#reload(name));
  }

  /**
   * After a commit that failed, a commit without changes comes before all others: as long as the
   * journal keeps nothing, pages then never show what is refused.
   */
  async #loadAndTry(name: string): Promise<void> {
    const { journal, reload, tenantOf } = this.#options;
    await reload(name);
    const tenant = tenantOf(name);
    if (!tenant) this.#failed.delete(name);
    if (!tenant || !this.#failed.has(name)) return;
    const { forced, records } = tenant;
    const nothing = { created: [], changed: [], removed: [], nextId: records.nextId };
    const [stale] = await journal.commit([{ tenant: name, forced, ...nothing }]);
    if (stale?.error) throw stale.error;
    this.#failed.delete(name);
    if (stale) await reload(name);
  }

  #reload(name: string): Promise<void> {
    const loading = this.#loadAndTry(name).then(
      () => {
        this.#lost.delete(name);
      },
      (error: unknown) => {
        this.#lost.set(name, undefined); // the next push tries again
        this.#loseOthers(error);
        throw error;
      },
    );
    this.#lost.set(name, loading);
    return loading;
  }
}

function notStored(cause: unknown): PushRefusal {
  const what = cause instanceof Error ? cause.message : String(cause);
  return new PushRefusal('not_stored', `the push could not be kept: ${what}; send it again`, {
    cause,
  });
}
