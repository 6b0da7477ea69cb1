/**
 * The store of service instances and bindings in a database of any engine.
 */
import type { Kysely } from 'kysely';
import {
  type Binding,
  type BindingStore,
  type Changes,
  type NewBinding,
  type Seen,
  type ServiceInstance,
  StoreAwayError,
  type StoredKey,
} from '../../broker/binding-store.ts';
import type { Adopt } from './app-endpoints.ts';
import { attempt } from './attempts.ts';
import { type Change, change } from './change.ts';
import { readChanges } from './changes.ts';
import type { Engine } from './engine.ts';
import { findBinding, hasInstance } from './lookups.ts';
import { catchUp, migrate } from './migrations.ts';
import { idHash, originalText, storedText } from './stored-text.ts';
import { bindingRow, instanceOf, instanceRow, type Tables } from './tables.ts';
import { bury, buryUnnoted } from './tombstones.ts';

export interface SqlBindingStoreOptions {
  readonly db: Kysely<Tables>;
  /** The store disposes of the engine. */
  readonly engine: Engine;
  /** Bound on removed bindings that the store lists to readers of changes. */
  readonly maxTombstones: number;
  /** The database refused a change; called again only after a change succeeded. */
  readonly onRefused?: ((error: StoreAwayError) => void) | undefined;
  /** The database accepts changes again. */
  readonly onTaken?: (() => void) | undefined;
}

/** Deletes bindings. @returns how many */
type Bury = (change: Change, which: Parameters<typeof bury>[1]) => Promise<number>;

export class SqlBindingStore implements BindingStore {
  readonly #db: Kysely<Tables>;
  readonly #engine: Engine;
  readonly #maxTombstones: number;
  readonly #running = new Set<Promise<unknown>>();
  readonly #onRefused: SqlBindingStoreOptions['onRefused'];
  readonly #onTaken: SqlBindingStoreOptions['onTaken'];
  #refusal: StoreAwayError | undefined;
  /** Whether the last read of changes failed, after which a backup may be in place. */
  #wasAway = false;
  #lastSpaceUse: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  readonly onChange?: (listener: () => void) => void;

  constructor({ db, engine, maxTombstones, onRefused, onTaken }: SqlBindingStoreOptions) {
    this.#onRefused = onRefused;
    this.#onTaken = onTaken;
    this.#db = db;
    this.#engine = engine;
    this.#maxTombstones = maxTombstones;
    if (engine.listen) this.onChange = engine.listen;
  }

  async instance(id: string): Promise<ServiceInstance | undefined> {
    const row = await this.#attempt(() =>
      this.#db
        .selectFrom('promgate_instances')
        .selectAll()
        .where('id_hash', '=', idHash(id))
        .executeTakeFirst(),
    );
    return row && instanceOf(row);
  }

  async putInstance(
    instance: ServiceInstance,
  ): Promise<{ readonly created: boolean; readonly instance: ServiceInstance }> {
    for (;;) {
      const isNew = await this.#insertIfNew((transaction) =>
        transaction.insertInto('promgate_instances').values(instanceRow(instance)).execute(),
      );
      if (isNew) return { created: true, instance };
      const present = await this.instance(instance.id);
      if (present) return { created: false, instance: present }; // else it was deleted meanwhile
    }
  }

  async updateInstance(id: string, parameters: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#store((transaction) =>
      transaction
        .updateTable('promgate_instances')
        .set({ parameters: storedText(parameters) })
        .where('id_hash', '=', idHash(id))
        .executeTakeFirst(),
    );
    return numUpdatedRows > 0; // unchanged rows count too
  }

  async deleteInstance(id: string): Promise<boolean> {
    const hash = idHash(id);
    const isDeleted = await this.#delete(async (made, buryThem) => {
      await buryThem(made, { instance_hash: hash });
      const { numDeletedRows } = await made.transaction
        .deleteFrom('promgate_instances')
        .where('id_hash', '=', hash)
        .executeTakeFirst();
      return numDeletedRows > 0 || undefined;
    });
    return isDeleted === true;
  }

  async binding(id: string): Promise<Binding | undefined> {
    return this.#attempt(() => findBinding(this.#db, idHash(id)));
  }

  async putBinding(
    binding: NewBinding,
  ): Promise<{ readonly created: boolean; readonly binding: Binding } | undefined> {
    const before = await this.binding(binding.id); // mostly none, so read without a lock
    if (before) return { created: false, binding: before };
    return this.#change(async ({ transaction, revision }) => {
      const row = bindingRow(binding, revision);
      const present = await findBinding(transaction, row.id_hash);
      if (present) return { created: false, binding: present };
      if (!(await hasInstance(transaction, row.instance_hash))) return undefined;
      await transaction.insertInto('promgate_bindings').values(row).execute();
      return { created: true, binding: { ...binding, revision } };
    });
  }

  async deleteBinding(instanceId: string, id: string): Promise<boolean> {
    const which = { instance_hash: idHash(instanceId), id_hash: idHash(id) };
    const isDeleted = await this.#delete(async (made, buryThem) => {
      const count = await buryThem(made, which);
      return count > 0 || undefined;
    });
    return isDeleted === true;
  }

  async changesSince(seen?: Seen): Promise<Changes> {
    if (this.#wasAway) await catchUp({ db: this.#db, engine: this.#engine, adopt: undefined });
    this.#wasAway = true;
    const changes = await this.#attempt(() => readChanges(this.#db, seen));
    this.#wasAway = false;
    const isFirst = seen === undefined && this.#engine.space !== undefined;
    if (this.#refusal !== undefined || isFirst) await this.#tryChange();
    return changes;
  }

  /** False from a refused change until the database accepts changes again. */
  get takesChanges(): boolean {
    return this.#refusal === undefined;
  }

  async ownKey(fresh?: StoredKey): Promise<StoredKey | undefined> {
    const present = await this.#ownKey();
    if (present || !fresh) return present;
    const row = { name: 'own', id: storedText(fresh.id), key_text: fresh.key };
    await this.#insertIfNew((transaction) =>
      transaction.insertInto('promgate_keys').values(row).execute(),
    );
    return (await this.#ownKey()) ?? fresh; // nobody deletes it
  }

  /**
   * Copies the bindings of Promfetcher's table, if there is one. Only the first call on a database
   * does so, whichever replica makes it.
   */
  adoptEndpoints(adopt: Adopt): Promise<void> {
    return migrate({ db: this.#db, engine: this.#engine, adopt });
  }

  /** Waits for running calls, then closes the database. A second call has the same result. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#running);
    await this.#db.destroy();
    await this.#engine[Symbol.asyncDispose]();
  }

  async #ownKey(): Promise<StoredKey | undefined> {
    const row = await this.#attempt(() =>
      this.#db
        .selectFrom('promgate_keys')
        .select(['id', 'key_text'])
        .where('name', '=', 'own')
        .executeTakeFirst(),
    );
    return row && { id: originalText(row.id), key: row.key_text };
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) throw new StoreAwayError(`${this.#engine.place}: the store is closed`);
    const running = attempt(this.#engine, work);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  #change<T>(work: (change: Change) => Promise<T | undefined>): Promise<T | undefined> {
    return this.#noting(async () => {
      await this.#holdSpace();
      return change(this.#db, this.#engine, work);
    });
  }

  /** Runs a transaction that stores something and so needs free disk space. */
  #store<T>(work: (transaction: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#noting(async () => {
      await this.#holdSpace();
      return this.#db.transaction().setAccessMode('read write').execute(work);
    });
  }

  async #delete(work: (change: Change, buryThem: Bury) => Promise<true | undefined>) {
    const { space } = this.#engine;
    let isFull = false;
    const isDeleted = await this.#notingRefusal(async () => {
      await this.#lastSpaceUse; // it must find the room that it has made
      try {
        return await change(this.#db, this.#engine, (made) =>
          work(made, (made, which) => bury(made, which, this.#maxTombstones)),
        );
      } catch (error) {
        if (!space || this.#engine.failureOf(error) !== 'full') throw error;
      }
      isFull = true;
      return this.#usingSpace(async () => {
        await space.release(this.#db);
        return change(this.#db, this.#engine, (made) => work(made, buryUnnoted));
      });
    });
    if (isFull) await this.#tryChange(); // so that a full disk is reported
    return isDeleted;
  }

  async #holdSpace(): Promise<void> {
    const { space } = this.#engine;
    if (space) await this.#usingSpace(() => space.hold(this.#db));
  }

  /** One at a time: nobody takes the space that another has made for itself. */
  #usingSpace<T>(use: () => Promise<T>): Promise<T> {
    const running = this.#lastSpaceUse.then(use);
    this.#lastSpaceUse = running.catch(() => undefined); // its caller is told
    return running;
  }

  /** Checks whether the database accepts changes, by an update that changes nothing. */
  async #tryChange(): Promise<void> {
    try {
      await this.#store((transaction) =>
        transaction
          .updateTable('promgate_revision')
          .set((row) => ({ pruned: row.ref('pruned') }))
          .execute(),
      );
    } catch (error) {
      if (!(error instanceof StoreAwayError)) throw error; // the refusal is noted
    }
  }

  /** Notes and reports whether the database accepts a change. */
  async #noting<T>(work: () => Promise<T>): Promise<T> {
    const value = await this.#notingRefusal(work);
    if (this.#refusal !== undefined) this.#onTaken?.();
    this.#refusal = undefined;
    return value;
  }

  async #notingRefusal<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#attempt(work);
    } catch (error) {
      if (error instanceof StoreAwayError && !this.#closing) {
        if (this.#refusal === undefined) this.#onRefused?.(error);
        this.#refusal = error;
      }
      throw error;
    }
  }

  /** @returns whether the row is new; false when a row with this key exists */
  async #insertIfNew(insert: (transaction: Kysely<Tables>) => Promise<unknown>): Promise<boolean> {
    try {
      await this.#store(insert);
      return true;
    } catch (error) {
      if (this.#engine.failureOf(error) === 'duplicate') return false;
      throw error;
    }
  }
}
