/**
 * Checks, whenever bindings are read, that the configured keys open the stored tokens: long before
 * the platform or an app needs a token.
 *
 * The check compares the key id of every sealed token. After a whole read it also decrypts the last
 * one, which detects a damaged token.
 */
import type { Binding, Changes } from './binding-store.ts';
import type { KeyRing } from './seal.ts';
import { openToken } from './secrets.ts';

export interface SealCheckOptions {
  readonly keys: KeyRing;
  /** Called for the first binding that does not open, and again only after all have opened. */
  readonly onSealed: (bindingId: string) => void;
}

export class SealCheck {
  readonly #options: SealCheckOptions;
  readonly #sealed = new Set<string>();

  constructor(options: SealCheckOptions) {
    this.#options = options;
  }

  /** The number of bindings that the keys do not open. */
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
      return false; // wrong key or damaged token: the operator must do the same for both
    }
  }
}
