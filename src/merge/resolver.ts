/**
 * Which family a sample belongs to, while a page is walked.
 *
 * A sample belongs to the family of its own name, or to a family declared above it whose type owns
 * the suffix: `h_bucket` to the histogram `h`. Mostly that is the family last declared, so its name
 * is compared as bytes before any string is made.
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

/** The family of a sample that must not be passed on: promgate's own name. */
const DROPPED = -2;
const UNKNOWN = -3;
/** The family of a sample that is not wanted. */
export const UNWANTED = -4;

/** Names whose verdicts are kept: half a megabyte. Beyond that all are forgotten. */
const MAX_VERDICTS = 2_000;

export class FamilyResolver {
  readonly #families: FamilyTable;
  readonly #format: FormatName;
  readonly #filter: NameFilter | undefined;
  readonly #types = new Map<number, FamilyType>();
  /** Where the page last declared a family, and where it last named a sample. */
  readonly #declared = { from: 0, to: 0, family: 0, type: 'unknown' as FamilyType };
  readonly #sample = { from: 0, to: 0, family: 0 };
  /** The family of the sample before, or UNKNOWN: something has been declared since. */
  #last = UNKNOWN;
  /** Of names that came before, in this merge. */
  readonly #verdicts = new Map<string, boolean>();
  /** What the filter has cost for the page so far. */
  filterSteps = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(families: FamilyTable, format: FormatName, filter: NameFilter | undefined) {
    this.#families = families;
    this.#format = format;
    this.#filter = filter;
  }

  /** Forgets the page before; the next one is `body`. */
  begin(body: Body): void {
    this.#bytes = body.bytes;
    this.#view = body.view;
    this.#types.clear();
    this.filterSteps = 0;
    this.#declared.to = this.#declared.from;
    this.#sample.to = this.#sample.from;
    this.#last = UNKNOWN;
  }

  /** The page declares a type. What was resolved before may be resolved otherwise from now on. */
  declare(family: number, type: FamilyType): void {
    this.#types.set(family, type);
    this.#sample.to = this.#sample.from;
    this.#last = UNKNOWN;
  }

  /** The family whose HELP, TYPE or UNIT line has its name at `from` to `to`. */
  named(from: number, to: number): number {
    const { family, from: declaredFrom, to: declaredTo } = this.#declared;
    const known =
      declaredTo - declaredFrom === to - from && this.#same(from, declaredFrom, to - from);
    return known ? family : this.#families.idOf(this.#bytes.toString('utf8', from, to));
  }

  /** The line last read names this family at `from` to `to`. */
  declaredAt(family: number, from: number, to: number): void {
    const declared = this.#declared;
    declared.family = family;
    declared.type = this.#types.get(family) ?? 'unknown';
    declared.from = from;
    declared.to = to;
    this.#last = UNKNOWN;
  }

  /** The family of the sample line that was scanned last: its number, DROPPED or UNWANTED. */
  familyOf({ nameFrom, nameTo, sameName }: SeriesScanner): number {
    if (!sameName || this.#last === UNKNOWN) {
      const family = this.#familyNamed(nameFrom, nameTo);
      this.#last = this.#passes(family, nameFrom, nameTo) ? family : UNWANTED;
    }
    return this.#last;
  }

  #passes(family: number, from: number, to: number): boolean {
    const filter = this.#filter;
    if (filter === undefined || family < 0) return true;
    const name = unquote(this.#bytes.toString('utf8', from, to));
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
    return this.#families.isOwn(family) ? DROPPED : family;
  }
}
