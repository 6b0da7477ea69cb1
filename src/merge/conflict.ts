/**
 * Collects the HELP, TYPE and UNIT that pages declare for each family, and resolves conflicts.
 *
 * Pages conflict when they declare two types for one name, or a name both as a family and as
 * another family's sample (a gauge `h_sum` beside a histogram `h`). The merge then drops no sample,
 * but prints each sample name concerned as an untyped family.
 */
import {
  type FamilyType,
  type FormatName,
  splitSuffix,
  suffixesOf,
  wordOf,
} from '../exposition/grammar.ts';
import type { FamilyTable } from './families.ts';
import type { Heads } from './heads.ts';
import type { Metadata } from './page-index.ts';

export class Declarations {
  readonly #families: FamilyTable;
  readonly #format: FormatName;
  /** The first type declared for a family, and the types that contradict the first. */
  readonly #types = new Map<number, FamilyType>();
  readonly #otherTypes = new Map<number, Set<FamilyType>>();
  readonly #texts = { help: new Map<number, Metadata>(), unit: new Map<number, Metadata>() };
  readonly #conflicts = new Set<number>();

  constructor(families: FamilyTable, format: FormatName) {
    this.#families = families;
    this.#format = format;
  }

  /** Adds a line of a page's metadata. Call it in the order of the pages: the first HELP with a text wins. */
  declare(line: Metadata): void {
    const { says, family, type } = line;
    if (says !== 'type') {
      const texts = this.#texts[says];
      if (line.to > line.from && !texts.has(family)) texts.set(family, line);
      return;
    }
    const known = this.#types.get(family);
    if (known === undefined) this.#types.set(family, type);
    else if (known !== type) this.#contradict(family, type);
  }

  /** Finds families that are also samples of others, one per step. Call it after all `declare` calls. */
  *compare(): Generator<void, void, void> {
    for (const [family, type] of this.#types) {
      this.#compareSamples(family, type);
      yield;
    }
    for (const [family, types] of this.#otherTypes) {
      for (const type of types) this.#compareSamples(family, type);
      yield;
    }
  }

  /** The number of families in conflict. */
  get conflicts(): number {
    return this.#conflicts.size;
  }

  /** Whether each sample name of this family is printed as a family. */
  isSplit(family: number): boolean {
    return this.#conflicts.has(family);
  }

  /** The family that prints a family's samples: the histogram `h` prints an undeclared `h_sum`. */
  printedAs(family: number): number {
    if (this.#types.has(family)) return family;
    const [base, suffix] = splitSuffix(this.#families.nameOf(family));
    const owner = suffix === '' ? undefined : this.#families.find(base);
    if (owner === undefined || this.#conflicts.has(owner)) return family;
    const type = this.#types.get(owner);
    return type !== undefined && suffixesOf(type, this.#format).includes(suffix) ? owner : family;
  }

  /** Prints the HELP, TYPE and UNIT lines above a family's samples. */
  printHead(family: number, out: Heads): void {
    const name = printedName(this.#families.nameOf(family));
    const help = this.#texts.help.get(family);
    if (help) out.addLine(`# HELP ${name} `, help);
    const type = this.#conflicts.has(family) ? undefined : this.#types.get(family);
    out.addLine(`# TYPE ${name} ${wordOf(type ?? 'unknown', this.#format)}`);
    const unit = this.#texts.unit.get(family);
    if (unit) out.addLine(`# UNIT ${name} `, unit);
  }

  #contradict(family: number, type: FamilyType): void {
    this.#conflicts.add(family);
    const others = this.#otherTypes.get(family);
    if (others) others.add(type);
    else this.#otherTypes.set(family, new Set([type]));
  }

  /** Marks a family, and each family that is named like one of its samples, as in conflict. */
  #compareSamples(family: number, type: FamilyType): void {
    const name = this.#families.nameOf(family);
    for (const suffix of suffixesOf(type, this.#format)) {
      const sample = this.#families.find(name + suffix);
      if (sample === undefined || !this.#types.has(sample)) continue;
      this.#conflicts.add(family).add(sample);
    }
  }
}

/** Puts a name that is not a legacy name in quotes. Its escapes are still those of the page. */
export function printedName(name: string): string {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : `"${name}"`;
}
