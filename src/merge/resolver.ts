/**
 * Finds the family of each sample while a page is walked.
 *
 * A sample belongs to the family of its own name, or to a family declared above it whose type has
 * the suffix: `h_bucket` belongs to the histogram `h`. Mostly the family is the one declared last,
 * so the resolver compares the bytes of that name before it makes a string.
 */
import { type Body, sameBytes } from '../exposition/body.ts';
import { unquote } from '../exposition/escape.ts';
import {
  type FamilyType,
  type FormatName,
  isSuffix,
  splitSuffix,
  suffixesOf,
} from '../exposition/grammar.ts';
import type { SeriesScanner } from '../exposition/series.ts';
import type { FamilyTable } from './families.ts';
import { MAX_NAME, type NameFilter } from './name-filter.ts';

/** The result for a sample that has the name of one of promgate's own families. */
const DROPPED_FAMILY = -2;
/** The next sample's family must be looked up. */
const UNKNOWN = -3;
/** The result for a sample that the name filter drops. */
export const UNWANTED = -4;

/** Bound on the remembered verdicts: half a megabyte. Then the resolver forgets all of them. */
const MAX_VERDICTS = 2_000;

export class FamilyResolver {
  readonly #families: FamilyTable;
  readonly #format: FormatName;
  readonly #filter: NameFilter | undefined;
  readonly #types = new Map<number, FamilyType>();
  /** The family declared last, and the offsets of its name. */
  readonly #declared = { from: 0, to: 0, family: 0, type: 'unknown' as FamilyType };
  /** The family looked up last, and the offsets of the sample's name. */
  readonly #sample = { from: 0, to: 0, family: 0 };
  /** The result for the sample before, or UNKNOWN after a declaration. */
  #last = UNKNOWN;
  /** Name -> whether it passes the filter. */
  readonly #verdicts = new Map<string, boolean>();
  /** The steps of the filter for this page so far. */
  filterSteps = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(families: FamilyTable, format: FormatName, filter: NameFilter | undefined) {
    this.#families = families;
    this.#format = format;
    this.#filter = filter;
  }

  /** Begins another page. */
  begin(body: Body): void {
    this.#bytes = body.bytes;
    this.#view = body.view;
    this.#types.clear();
    this.filterSteps = 0;
    this.#declared.to = this.#declared.from;
    this.#sample.to = this.#sample.from;
    this.#last = UNKNOWN;
  }

  /** Notes a declared type, which may change the families of sample names looked up before. */
  declare(family: number, type: FamilyType): void {
    this.#types.set(family, type);
    this.#sample.to = this.#sample.from;
    this.#last = UNKNOWN;
  }

  /** The number of the family that a HELP, TYPE or UNIT line names from `from` to `to`. */
  named(from: number, to: number): number {
    const { family, from: declaredFrom, to: declaredTo } = this.#declared;
    const known =
      declaredTo - declaredFrom === to - from && this.#same(from, declaredFrom, to - from);
    return known ? family : this.#families.idOf(this.#bytes.toString('utf8', from, to));
  }

  /** Notes that the line read last, a HELP, TYPE or UNIT line, names this family. */
  declaredAt(family: number, from: number, to: number): void {
    const declared = this.#declared;
    declared.family = family;
    declared.type = this.#types.get(family) ?? 'unknown';
    declared.from = from;
    declared.to = to;
    this.#last = UNKNOWN;
  }

  /** The family of the line scanned last: its number, or below 0 if the sample is not kept. */
  familyOf({ nameFrom, nameTo, sameName }: SeriesScanner): number {
    if (!sameName || this.#last === UNKNOWN) {
      const family = this.#familyNamed(nameFrom, nameTo);
      this.#last = this.#passes(family, nameFrom, nameTo) ? family : UNWANTED;
    }
    return this.#last;
  }

  /**
   * The family of a sample name without quotes.
   *
   * @param owned - whether the page declares the name without its suffix as a family that has it
   */
  familyFor(name: string, owned: boolean): number {
    const family = this.#families.idOf(owned ? splitSuffix(name)[0] : name);
    if (this.#families.isOwn(family)) return DROPPED_FAMILY;
    const filter = this.#filter;
    return filter === undefined || this.#passesNamed(name, filter) ? family : UNWANTED;
  }

  /** The type that the page has declared for a family, if any. */
  declaredType(name: string): FamilyType | undefined {
    const family = this.#families.find(name);
    return family === undefined ? undefined : this.#types.get(family);
  }

  #passes(family: number, from: number, to: number): boolean {
    const filter = this.#filter;
    if (filter === undefined || family < 0) return true;
    return this.#passesNamed(unquote(this.#bytes.toString('utf8', from, to)), filter);
  }

  #passesNamed(name: string, filter: NameFilter): boolean {
    const known = this.#verdicts.get(name);
    if (known !== undefined) return known;
    const { passes, steps } = filter.judge(name);
    this.filterSteps += steps;
    if (this.#verdicts.size === MAX_VERDICTS) this.#verdicts.clear();
    if (name.length <= MAX_NAME) this.#verdicts.set(name, passes);
    return passes;
  }

  #familyNamed(from: number, to: number): number {
    const declared = this.#declared;
    const length = declared.to - declared.from;
    if (length > 0 && to - from >= length && this.#same(from, declared.from, length)) {
      if (to - from === length) return declared.family;
      if (isSuffix(this.#bytes, from + length, to, declared.type, this.#format))
        return declared.family;
    }
    const sample = this.#sample;
    if (to - from !== sample.to - sample.from || !this.#same(from, sample.from, to - from)) {
      sample.family = this.#resolve(this.#bytes.toString('utf8', from, to));
      sample.from = from;
      sample.to = to;
    }
    return sample.family;
  }

  #same(a: number, b: number, length: number): boolean {
    return sameBytes(this.#view, a, this.#view, b, length);
  }

  #resolve(name: string): number {
    const [base, suffix] = splitSuffix(name);
    const owner = suffix === '' ? undefined : this.#families.find(base);
    const type = owner === undefined ? undefined : this.#types.get(owner);
    const owned = type !== undefined && suffixesOf(type, this.#format).includes(suffix);
    const family = owner !== undefined && owned ? owner : this.#families.idOf(name);
    return this.#families.isOwn(family) ? DROPPED_FAMILY : family;
  }
}
