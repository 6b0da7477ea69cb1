/**
 * The HELP, TYPE and UNIT lines of the page that is being indexed, in their order.
 *
 * A page whose lines are all the layout's shares the layout's list. Otherwise the page gets a list
 * of its own.
 */
import type { Layout } from './layout.ts';
import type { Metadata } from './page-index.ts';
import type { FamilyResolver } from './resolver.ts';

/** Bound on these lines of a page; pages of client libraries have far fewer. */
const MAX_METADATA = 250_000;

export class PageMetadata {
  readonly #resolver: FamilyResolver;
  #layout: readonly Metadata[] = [];
  /** The number of the layout's lines, from the first on, that the page has too. */
  #shared = 0;
  /** The page's own list; undefined as long as the page may share the layout's. */
  #own: Metadata[] | undefined;

  constructor(resolver: FamilyResolver) {
    this.#resolver = resolver;
  }

  /** Begins another page. */
  begin(layout: Layout | undefined): void {
    this.#layout = layout?.metadata ?? [];
    this.#shared = 0;
    this.#own = layout === undefined ? [] : undefined;
  }

  /** Adds the layout's lines from place `from` to before `to`. */
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

  /** The page's own list, to add to. Tells the resolver the types that the lines declare. */
  own(): Metadata[] {
    if (this.#own === undefined) {
      this.#own = this.#layout.slice(0, this.#shared);
      for (const { says, family, type } of this.#own) {
        if (says === 'type') this.#resolver.declare(family, type);
      }
    }
    return this.#own;
  }

  /** The page has more lines of metadata than the bound. */
  get overfull(): boolean {
    return (this.#own?.length ?? this.#shared) > MAX_METADATA;
  }

  /** The complete list; call it at the end of the page. */
  all(): readonly Metadata[] {
    return this.#own ?? (this.#shared === this.#layout.length ? this.#layout : this.own());
  }
}
