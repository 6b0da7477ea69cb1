/**
 * The HELP, TYPE and UNIT lines of the page in work, in the order met.
 *
 * As long as they are the layout's, from the first one on, the page has the layout's own list: pages
 * of one layout share it.
 */
import type { Layout } from './layout.ts';
import type { Metadata } from './page-index.ts';
import type { FamilyResolver } from './resolver.ts';

/** A page with more HELP, TYPE and UNIT lines than this is none that a client library wrote. */
const MAX_METADATA = 250_000;

export class PageMetadata {
  readonly #resolver: FamilyResolver;
  #layout: readonly Metadata[] = [];
  /** So many of the layout's lines, from the first one on, are the page's. */
  #shared = 0;
  /** The page's own list, once it differs from the layout's. */
  #own: Metadata[] | undefined;

  constructor(resolver: FamilyResolver) {
    this.#resolver = resolver;
  }

  /** Another page begins. */
  begin(layout: Layout | undefined): void {
    this.#layout = layout?.metadata ?? [];
    this.#shared = 0;
    this.#own = layout === undefined ? [] : undefined;
  }

  /** The page goes on with the layout's lines from `from` to before `to`. */
  share(from: number, to: number): void {
    if (from === to) return;
    if (this.#own === undefined && from === this.#shared) {
      this.#shared = to;
      return;
    }
    const own = this.own();
    for (const line of this.#layout.slice(from, to)) {
      own.push(line);
      if (line.says === 'type') this.#resolver.declare(line.family, line.type);
    }
  }

  /** The list, for adding to it. From now on the resolver knows the types that it declares. */
  own(): Metadata[] {
    if (this.#own === undefined) {
      this.#own = this.#layout.slice(0, this.#shared);
      for (const { says, family, type } of this.#own) {
        if (says === 'type') this.#resolver.declare(family, type);
      }
    }
    return this.#own;
  }

  get overfull(): boolean {
    return (this.#own?.length ?? this.#shared) > MAX_METADATA;
  }

  /** The whole list, at the end of the page. */
  all(): readonly Metadata[] {
    return this.#own ?? (this.#shared === this.#layout.length ? this.#layout : this.own());
  }
}
