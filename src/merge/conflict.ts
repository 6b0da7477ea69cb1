/**
 * What the pages of a merge say of each family, and what is printed where they disagree.
 *
 * Two types for one name, or a name that is both a family and another family's sample (a gauge
 * `h_sum` beside a histogram `h`): no sample is given up for it. The names concerned stand on
 * their own, untyped.
 */
import {
  type FamilyType,
  type FormatName,
  splitSuffix,
  suffixesOf,
  wordOf,
} from '../exposition/grammar.ts';
import type { FamilyTable } from './families.ts';
import type { Metadata } from './page-index.ts';

export class Declarations {
  readonly #families: FamilyTable;
  readonly #format: FormatName;
  /** The type that a family was first declared with, and those that contradict it. */
  readonly #types = new Map<number, FamilyType>();
  readonly #otherTypes = new Map<number, Set<FamilyType>>();
  readonly #texts = { help: new Map<number, Metadata>(), unit: new Map<number, Metadata>() };
  readonly #conflicts = new Set<number>();

  constructor(families: FamilyTable, format: FormatName) {
    this.#families = families;
    this.#format = format;
  }

  /** Takes a line of a page; in the order of the instances: the first HELP that is not empty wins. */
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

  /** Finds names that are families here and samples there, once all pages are declared; a step each. */
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

  /** How many families had more than one type. */
  get conflicts(): number {
    return this.#conflicts.size;
  }

  /** Whether the samples of this family are printed name by name. */
  isSplit(family: number): boolean {
    return this.#conflicts.has(family);
  }

  /** The family under which a family's samples are printed: `h` for the `h_sum` of a histogram. */
  printedAs(family: number): number {
    if (this.#types.has(family)) return family;
    const [base, suffix] = splitSuffix(this.#families.nameOf(family));
    const owner = suffix === '' ? undefined : this.#families.find(base);
    if (owner === undefined || this.#conflicts.has(owner)) return family;
    const type = this.#types.get(owner);
    return type !== undefined && suffixesOf(type, this.#format).includes(suffix) ? owner : family;
  }

  /** The lines that stand above a family's samples. */
  headOf(family: number): Buffer {
    const name = printedName(this.#families.nameOf(family));
    const parts: (string | Buffer)[] = [];
    const help = this.#texts.help.get(family);
    if (help) parts.push(`# HELP ${name} `, textOf(help), '\n');
    const type = this.#conflicts.has(family) ? undefined : this.#types.get(family);
    parts.push(`# TYPE ${name} ${wordOf(type ?? 'unknown', this.#format)}\n`);
    const unit = this.#texts.unit.get(family);
    if (unit) parts.push(`# UNIT ${name} `, textOf(unit), '\n');
    return Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)),
    );
  }

  #contradict(family: number, type: FamilyType): void {
    this.#conflicts.add(family);
    const others = this.#otherTypes.get(family);
    if (others) others.add(type);
    else this.#otherTypes.set(family, new Set([type]));
  }

  /** A family's sample names must not be declared as families of their own. */
  #compareSamples(family: number, type: FamilyType): void {
    const name = this.#families.nameOf(family);
    for (const suffix of suffixesOf(type, this.#format)) {
      const sample = this.#families.find(name + suffix);
      if (sample === undefined || !this.#types.has(sample)) continue;
      this.#conflicts.add(family).add(sample);
    }
  }
}

function textOf({ bytes, from, to }: Metadata): Buffer {
  return bytes.subarray(from, to);
}

/** A name that is no legacy name is printed in quotes (it was read from quotes, escaped). */
export function printedName(name: string): string {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : `"${name}"`;
}
