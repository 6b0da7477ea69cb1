/** The least ledger of pushes: numbers by name in one tenant, which pushes add to or remove. */
import assert from 'node:assert/strict';
import type { Journal, JournalError, TenantUpdate } from '../../src/push/record.ts';

/** What a push adds to a number; undefined removes the number. */
export type Step = readonly [name: string, amount: number | undefined];

export class NumberLedger {
  readonly #journal: Journal;
  readonly #tenant: string;
  readonly #values = new Map<number, number>();
  readonly #names = new Map<number, string>();
  readonly #ids = new Map<string, number>();
  #nextId = 1;
  /** How often another promgate was faster. */
  stales = 0;

  constructor(journal: Journal, tenant = '') {
    this.#journal = journal;
    this.#tenant = tenant;
  }

  get numbers(): Record<string, number> {
    const all = [...this.#values].map(([id, value]) => [this.#names.get(id)!, value] as const);
    return Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  async open(): Promise<this> {
    const tenants = await this.#journal.load();
    const own = tenants.find(({ tenant }) => tenant === this.#tenant);
    if (own) {
      this.#apply({ ...own, created: own.records, changed: [], removed: [], isWhole: true });
    }
    return this;
  }

  /** Applies a push, again and again until it is kept. @throws {JournalError} */
  async push(steps: readonly Step[]): Promise<void> {
    for (;;) {
      const [stale, touched] = await this.pushOnce(steps);
      if (!stale) return;
      await this.catchUp(touched);
      if (stale.error) throw stale.error;
      this.stales += 1;
    }
  }

  async pushOnce(steps: readonly Step[]) {
    const created = new Map<number, string>();
    const changed = new Set<number>();
    const removed = new Set<number>();
    for (const [name, amount] of steps) {
      let id = this.#ids.get(name);
      if (amount === undefined) {
        if (id === undefined) continue;
        this.#forget(id);
        if (!created.delete(id)) removed.add(id);
        changed.delete(id);
        continue;
      }
      if (id === undefined) {
        id = this.#nextId++;
        this.#names.set(id, name);
        this.#ids.set(name, id);
        created.set(id, name);
      } else if (!created.has(id)) changed.add(id);
      this.#values.set(id, (this.#values.get(id) ?? 0) + amount);
    }
    const valuesOf = (id: number) => Float64Array.of(this.#values.get(id)!); // set above
    const [stale] = await this.#journal.commit([
      {
        ...{ tenant: this.#tenant, forced: [['space', 'a"}\n']], nextId: this.#nextId },
        created: [...created].map(([id, key]) => ({ id, key, values: valuesOf(id) })),
        changed: [...changed].map((id) => ({ id, values: valuesOf(id) })),
        removed: [...removed],
      },
    ]);
    return [stale, [...created.keys(), ...changed, ...removed]] as const;
  }

  /** Reads what others have changed, if they have. */
  async look(): Promise<void> {
    const changed = await this.#journal.changedElsewhere();
    if (changed.includes(this.#tenant)) await this.catchUp([]);
  }

  async catchUp(touched: readonly number[]): Promise<void> {
    const update = await this.#journal.reload(this.#tenant, touched);
    if (update) this.#apply(update);
    else {
      this.#clear();
      this.#nextId = 1;
    }
  }

  #apply({ isWhole, created, changed, removed, nextId }: TenantUpdate): void {
    if (isWhole) this.#clear();
    for (const id of removed) this.#forget(id);
    for (const { id } of created) this.#forget(id); // it may have had another name here
    for (const { id, key, values } of created) {
      this.#names.set(id, key);
      this.#ids.set(key, id);
      this.#values.set(id, values[0]!); // one number each
    }
    for (const { id, values } of changed) {
      assert.ok(this.#values.has(id), `record ${id} is changed, but the ledger does not have it`);
      this.#values.set(id, values[0]!);
    }
    this.#nextId = nextId;
  }

  #forget(id: number): void {
    this.#values.delete(id);
    this.#ids.delete(this.#names.get(id) ?? '');
    this.#names.delete(id);
  }

  #clear(): void {
    this.#values.clear();
    this.#ids.clear();
    this.#names.clear();
  }
}

/** The failure of a push that the journal could not keep. */
export async function failureOf(push: Promise<void>): Promise<JournalError> {
  try {
    await push;
  } catch (error) {
    return error as JournalError; // the ledger throws no other
  }
  assert.fail('the push was kept');
}
