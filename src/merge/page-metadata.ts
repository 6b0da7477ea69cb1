/**
 * The HELP, TYPE and UNIT lines of the page that is being indexed, in their order. Pages with the same
 * lines in the same order share a list, and all pages of a merge share what stands in their lists.
 */
import type { Body } from '../exposition/body.ts';
import type { FamilyType } from '../exposition/grammar.ts';
import type { FamilyTable } from './families.ts';
import type { Metadata } from './page-index.ts';
import type { FamilyResolver } from './resolver.ts';
import { vocabulary } from './vocabulary.ts';

/** Bound on these lines of a page; pages of client libraries have far fewer. */
const MAX_METADATA = 250_000;

/** A remembered comment line, as a page of this merge has it. */
interface Known {
  /** Undefined if the line says nothing, or names one of promgate's own families. */
  readonly metadata: Metadata | undefined;
  readonly nameFrom: number;
  readonly nameTo: number;
}

export class PageMetadata {
  readonly #resolver: FamilyResolver;
  readonly #families: FamilyTable;
  readonly #vocabulary = vocabulary();
  /** Place in the vocabulary -> what stands for it in this merge. */
  readonly #known = new Map<number, Known>();
  #generation = 0;
  #body: Body | undefined;
  #list: Metadata[] = [];
  /** The list of the page before, and how much of it is this page's, too, so far. */
  #before: readonly Metadata[] = [];
  #same = 0;
  /** What the resolver has not been told yet: pairs of what a line says, and its offset. */
  readonly #untold: (Known | number)[] = [];

  constructor(resolver: FamilyResolver, families: FamilyTable) {
    this.#resolver = resolver;
    this.#families = families;
  }

  /** Begins another page. */
  begin(body: Body): void {
    this.#body = body;
    this.#list = [];
    this.#same = 0;
    this.#untold.length = 0;
  }

  /** Forgets the page before, when families were removed from the merge's table. */
  clear(): void {
    this.#known.clear();
    this.#before = [];
  }

  /** Adds the comment line at `offset`, which the vocabulary has at `place`. */
  known(place: number, offset: number): void {
    if (this.#generation !== this.#vocabulary.generation) {
      this.#known.clear();
      this.#generation = this.#vocabulary.generation;
    }
    let known = this.#known.get(place);
    if (known === undefined) {
      known = this.#know(place, offset);
      this.#known.set(place, known);
    }
    if (known.metadata === undefined) return;
    this.#add(known.metadata);
    this.#untold.push(known, offset);
  }

  /** Adds a line that was parsed. */
  push(line: Metadata): void {
    this.#add(line);
  }

  /** Tells the resolver what the lines so far declare, before it must find a sample's family. */
  tell(): void {
    const untold = this.#untold;
    if (untold.length === 0) return;
    for (let at = 0; at < untold.length; at += 2) {
      const { metadata, nameFrom, nameTo } = untold[at] as Known;
      const { says, family, type } = metadata!; // others are not among them
      const offset = untold[at + 1] as number;
      if (says === 'type') this.#resolver.declare(family, type);
      this.#resolver.declaredAt(family, offset + nameFrom, offset + nameTo);
    }
    untold.length = 0;
  }

  /** The names that the page has named in comments so far, and their types where these declare one. */
  *declared(): Iterable<readonly [name: string, type: FamilyType | undefined]> {
    for (const { says, family, type } of this.#lines()) {
      yield [this.#families.nameOf(family), says === 'type' ? type : undefined];
    }
  }

  /** The page has more lines of metadata than the bound. */
  get overfull(): boolean {
    return Math.max(this.#same, this.#list.length) > MAX_METADATA;
  }

  /** The complete list; call it at the end of the page. */
  all(): readonly Metadata[] {
    if (this.#list.length > 0 || this.#same < this.#before.length) this.#before = this.#lines();
    return this.#before;
  }

  #lines(): readonly Metadata[] {
    return this.#list.length > 0 ? this.#list : this.#before.slice(0, this.#same);
  }

  #add(line: Metadata): void {
    if (this.#list.length === 0 && this.#before[this.#same] === line) this.#same += 1;
    else {
      if (this.#list.length === 0) this.#list = this.#before.slice(0, this.#same);
      this.#list.push(line);
    }
  }

  #know(place: number, offset: number): Known {
    const comment = this.#vocabulary.commentAt(place);
    const nothing = { metadata: undefined, nameFrom: 0, nameTo: 0 };
    if (comment === undefined || comment.says === 'nothing') return nothing;
    const { says, name, type, nameFrom, nameTo, textFrom, textTo } = comment;
    const family = this.#families.idOf(name);
    if (this.#families.isOwn(family)) return nothing;
    const { bytes } = this.#body!; // a page is being indexed
    const from = offset + textFrom;
    return {
      metadata: { says, family, type, bytes, from, to: offset + textTo },
      ...{ nameFrom, nameTo },
    };
  }
}
