/** A replica that knows of bindings only what `changesSince` tells it. */
import type { Binding, BindingStore, Seen } from '../../broker/binding-store.ts';

export class Reader {
  readonly #store: BindingStore;
  readonly #known = new Map<string, Binding>();
  #seen: Seen | undefined;

  constructor(store: BindingStore) {
    this.#store = store;
  }

  /** @returns whether it was told everything anew */
  async read(): Promise<boolean> {
    const changes = await this.#store.changesSince(this.#seen);
    const { whole, bindings, removed } = changes;
    if (whole) this.#known.clear();
    for (const id of removed) this.#known.delete(id);
    for (const binding of bindings) {
      this.#known.delete(binding.id); // one made again comes last
      this.#known.set(binding.id, binding);
    }
    this.#seen = changes;
    return whole;
  }

  /** In the order of their creation. */
  get bindings(): readonly Binding[] {
    return [...this.#known.values()];
  }
}
