/** A store of bindings in memory, for one test. */
import {
  type Binding,
  type BindingStore,
  type Changes,
  type NewBinding,
  type ServiceInstance,
  StoreAwayError,
  type StoredKey,
} from '../../broker/binding-store.ts';

export class MemoryBindingStore implements BindingStore {
  /** Makes every method reject. */
  away = false;
  readonly instances = new Map<string, ServiceInstance>();
  readonly bindings = new Map<string, Binding>();
  #revision = 0;
  #key: StoredKey | undefined;

  async instance(id: string) {
    this.#reach();
    return this.instances.get(id);
  }

  async putInstance(instance: ServiceInstance) {
    this.#reach();
    const stored = this.instances.get(instance.id);
    if (stored) return { created: false, instance: stored };
    this.instances.set(instance.id, instance);
    return { created: true, instance };
  }

  async updateInstance(id: string, parameters: string) {
    this.#reach();
    const stored = this.instances.get(id);
    if (stored) this.instances.set(id, { ...stored, parameters });
    return stored !== undefined;
  }

  async deleteInstance(id: string) {
    this.#reach();
    for (const binding of this.bindings.values()) {
      if (binding.instanceId === id) this.bindings.delete(binding.id);
    }
    return this.instances.delete(id);
  }

  async binding(id: string) {
    this.#reach();
    return this.bindings.get(id);
  }

  async putBinding(binding: NewBinding) {
    this.#reach();
    const stored = this.bindings.get(binding.id);
    if (stored) return { created: false, binding: stored };
    if (!this.instances.has(binding.instanceId)) return undefined;
    this.#revision += 1;
    const added = { ...binding, revision: this.#revision };
    this.bindings.set(binding.id, added);
    return { created: true, binding: added };
  }

  async deleteBinding(instanceId: string, id: string) {
    this.#reach();
    return this.bindings.get(id)?.instanceId === instanceId && this.bindings.delete(id);
  }

  async changesSince(): Promise<Changes> {
    this.#reach();
    const bindings = [...this.bindings.values()];
    return { revision: this.#revision, whole: true, bindings, removed: [] };
  }

  async ownKey(fresh: StoredKey) {
    this.#reach();
    this.#key ??= fresh;
    return this.#key;
  }

  async [Symbol.asyncDispose]() {}

  #reach(): void {
    if (this.away) throw new StoreAwayError('the memory is away');
  }
}
