/**
 * A store in memory: for tests, and the plainest statement of what a store does.
 */
import type {
  Binding,
  BindingStore,
  Changes,
  NewBinding,
  Seen,
  ServiceInstance,
  StoredKey,
} from '../../broker/binding-store.ts';

export interface MemoryBindingStoreOptions {
  /** How many bindings that have gone are remembered. */
  readonly maxTombstones?: number;
}

interface Tombstone {
  readonly revision: number;
  readonly id: string;
}

export class MemoryBindingStore implements BindingStore {
  readonly #maxTombstones: number;
  readonly instances = new Map<string, ServiceInstance>();
  /** In the order of their creation. */
  readonly bindings = new Map<string, Binding>();
  readonly #listeners = new Set<() => void>();
  #tombstones: Tombstone[] = [];
  #revision = 0;
  #pruned = 0;
  #key: StoredKey | undefined;

  constructor({ maxTombstones = 10_000 }: MemoryBindingStoreOptions = {}) {
    this.#maxTombstones = maxTombstones;
  }

  async instance(id: string): Promise<ServiceInstance | undefined> {
    return this.instances.get(id);
  }

  async putInstance(
    instance: ServiceInstance,
  ): Promise<{ readonly created: boolean; readonly instance: ServiceInstance }> {
    const present = this.instances.get(instance.id);
    if (present) return { created: false, instance: present };
    this.instances.set(instance.id, instance);
    return { created: true, instance };
  }

  async updateInstance(id: string, parameters: string): Promise<boolean> {
    const instance = this.instances.get(id);
    if (instance) this.instances.set(id, { ...instance, parameters });
    return instance !== undefined;
  }

  async deleteInstance(id: string): Promise<boolean> {
    const gone = [...this.bindings.values()].filter(({ instanceId }) => instanceId === id);
    if (gone.length > 0) this.#bury(gone);
    return this.instances.delete(id);
  }

  async binding(id: string): Promise<Binding | undefined> {
    return this.bindings.get(id);
  }

  async putBinding(
    binding: NewBinding,
  ): Promise<{ readonly created: boolean; readonly binding: Binding } | undefined> {
    const present = this.bindings.get(binding.id);
    if (present) return { created: false, binding: present };
    if (!this.instances.has(binding.instanceId)) return undefined;
    const created = { ...binding, revision: ++this.#revision };
    this.bindings.set(binding.id, created);
    this.#tell();
    return { created: true, binding: created };
  }

  async deleteBinding(instanceId: string, id: string): Promise<boolean> {
    const binding = this.bindings.get(id);
    if (binding?.instanceId !== instanceId) return false;
    this.#bury([binding]);
    return true;
  }

  async changesSince(seen?: Seen): Promise<Changes> {
    const { revision, mark } = seen ?? { revision: -1, mark: '' };
    const isRestored = revision > this.#revision || mark !== '';
    const whole = isRestored || revision < this.#pruned;
    const since = whole ? 0 : revision;
    const removed = this.#tombstones.filter((stone) => stone.revision > since).map(({ id }) => id);
    return {
      revision: this.#revision,
      mark: '', // no backup of it is ever restored
      ...{ whole, isRestored },
      bindings: [...this.bindings.values().filter((binding) => binding.revision > since)],
      removed: whole ? [] : [...new Set(removed)],
    };
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  async ownKey(fresh?: StoredKey): Promise<StoredKey | undefined> {
    this.#key ??= fresh;
    return this.#key;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
  }

  /** Those that go together get one revision. */
  #bury(bindings: readonly Binding[]): void {
    const revision = ++this.#revision;
    for (const { id } of bindings) {
      this.bindings.delete(id);
      this.#tombstones.push({ revision, id });
    }
    const last = this.#tombstones.at(-1 - this.#maxTombstones);
    if (last) {
      this.#pruned = last.revision;
      this.#tombstones = this.#tombstones.filter((stone) => stone.revision > this.#pruned);
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
