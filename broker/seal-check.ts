/**
 * Whether the configured keys open what is stored: told when bindings are read, long before the platform
 * or an app misses a token.
 *
 * A sealed text names its key, so all of them are looked at; one is opened, for the sake of what a
 * name does not tell.
 */
import type { Binding, Changes } from './binding-store.ts';
import type { KeyRing } from './seal.ts';
import { openToken } from './secrets.ts';

export interface SealCheckOptions {
  readonly keys: KeyRing;
  /** The first one is found that does not open; the next time after there was none. */
  readonly onSealed: (bindingId: string) => void;
}

export class SealCheck {
  readonly #options: SealCheckOptions;
  readonly #sealed = new Set<string>();

  constructor(options: SealCheckOptions) {
    this.#options = options;
  }

  /** How many bindings are known that the keys do not open. */
  get count(): number {
    return this.#sealed.size;
  }

  apply({ whole, bindings, removed }: Pick<Changes, 'whole' | 'bindings' | 'removed'>): void {
    const before = this.#sealed.size;
    if (whole) this.#sealed.clear();
    for (const id of removed) this.#sealed.delete(id);
    const tried = whole ? bindings.at(-1) : undefined;
    for (const binding of bindings) {
      const opens = binding === tried ? this.#opens(binding) : this.#knows(binding);
      if (opens) this.#sealed.delete(binding.id);
      else this.#sealed.add(binding.id);
    }
    const [first] = this.#sealed;
    if (before === 0 && first !== undefined) this.#options.onSealed(first);
  }

  #knows({ sealedToken }: Binding): boolean {
    return this.#options.keys.knows(sealedToken);
  }

  #opens(binding: Binding): boolean {
    try {
      openToken(binding, this.#options.keys);
      return true;
    } catch {
      return false; // the reason is one of two, and the same is to be done about both
    }
  }
}
