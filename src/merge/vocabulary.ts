/**
 * The names and the HELP, TYPE and UNIT lines that pages of this process have had, so that the kernel
 * knows them again: most apps print the same ones for weeks, and many apps the same as others.
 *
 * They hold nothing of a merge: a family's number is another one in each. Names and lines that do
 * not fit, or that are rare in kind, are not remembered, and their lines are parsed each time.
 */
import type { FamilyType, FormatName } from '../exposition/grammar.ts';
import { splitSuffix, suffixesOf, TYPES } from '../exposition/grammar.ts';
import { kernel } from './kernel.ts';

const FORMATS: readonly FormatName[] = ['text', 'openmetrics'];
/** Longer names and lines are not remembered. */
const MAX_NAME_BYTES = 256;
const MAX_COMMENT_BYTES = 1_024;
/** The names of samples that may have exemplars. */
const EXEMPLARY = /(?:_total|_bucket)$/;
/** In place of a type, for a comment that declares none. */
const NO_TYPE = 8;
/** Bytes that may be read behind a text. */
const SLACK = 16;
/** Pages are numbered below this; then all is forgotten, and numbered anew. */
const MAX_PAGES = 2 ** 31 - 1;

/** What a remembered comment line says; the offsets count from its first byte. */
export interface KnownComment {
  /** `nothing`: the line says nothing to Prometheus. */
  readonly says: 'help' | 'type' | 'unit' | 'nothing';
  readonly name: string;
  readonly type: FamilyType;
  readonly nameFrom: number;
  readonly nameTo: number;
  readonly textFrom: number;
  readonly textTo: number;
}

export class Vocabulary {
  readonly #kernel = kernel();
  readonly #places = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #comments: KnownComment[] = [];
  #textBytes = 0;
  #pages = 0;
  /** Counts how often all was forgotten: places from before mean nothing any more. */
  generation = 0;

  /** The name at a place that a scan gave. */
  nameAt(place: number): string {
    return this.#names[place] ?? '';
  }

  /** The comment at a place that a scan gave. */
  commentAt(place: number): KnownComment | undefined {
    return this.#comments[place];
  }

  /** A number for a page, which no page before had since all was forgotten. */
  numberPage(): number {
    if (this.#pages === MAX_PAGES) {
      this.#forget();
      this.#pages = 0;
    }
    this.#pages += 1;
    return this.#pages;
  }

  /** Remembers a name without quotes, and the name without its suffix. */
  addName(name: string): void {
    if (name.length > MAX_NAME_BYTES || this.#places.has(name)) return;
    this.#addName(name);
  }

  /** Remembers a comment line. @param format - of the page that has it */
  addComment(line: Buffer, format: FormatName, comment: KnownComment): void {
    const { name, says, type } = comment;
    if (line.length > MAX_COMMENT_BYTES || name.length > MAX_NAME_BYTES) return;
    const { COMMENTS_AT, COMMENT_BYTES, MAX_COMMENTS, integers } = this.#kernel;
    if (this.#comments.length === MAX_COMMENTS) this.#forget();
    const named = says === 'nothing' ? -1 : this.#addName(name);
    if (named === undefined) return;
    const textAt = this.#addText(line);
    if (textAt < 0) return;
    const place = this.#comments.length;
    const at = (COMMENTS_AT + place * COMMENT_BYTES) / Int32Array.BYTES_PER_ELEMENT;
    integers[at + 1] = textAt;
    integers[at + 2] = line.length;
    integers[at + 3] =
      named < 0 ? -1 : named * 16 + (says === 'type' ? TYPES.indexOf(type) : NO_TYPE);
    if (this.#kernel.addComment(place, FORMATS.indexOf(format))) this.#comments.push(comment);
  }

  /**
   * Tells the kernel that a page names a family in a comment, if the kernel knows the name.
   *
   * @param type - that the page declares; undefined if the comment declares none
   */
  declare(name: string, type: FamilyType | undefined, page: number): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    const { NAMES_AT, NAME_BYTES, integers } = this.#kernel;
    const at = (NAMES_AT + place * NAME_BYTES) / Int32Array.BYTES_PER_ELEMENT;
    integers[at + 7] = page;
    if (type === undefined) return;
    integers[at + 5] = page;
    integers[at + 6] = TYPES.indexOf(type);
  }

  /** @returns the name's place; undefined if there is no room */
  #addName(name: string): number | undefined {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const { NAMES_AT, NAME_BYTES, MAX_NAMES, integers } = this.#kernel;
    const [base, suffix] = splitSuffix(name);
    if (this.#names.length >= MAX_NAMES - MAX_NAME_BYTES) this.#forget(); // a name may be suffixes only
    const owner = suffix === '' ? -1 : this.#addName(base);
    if (owner === undefined) return undefined;
    const textAt = this.#addText(Buffer.from(name, 'latin1'));
    if (textAt < 0) return undefined;
    const place = this.#names.length;
    const at = (NAMES_AT + place * NAME_BYTES) / Int32Array.BYTES_PER_ELEMENT;
    integers[at + 1] = textAt;
    integers[at + 2] = name.length;
    integers[at + 3] = owner;
    const types = FORMATS.map((format, n) => typesWith(suffix, format) << (n * 8));
    integers[at + 4] = types[0]! | types[1]! | (EXEMPLARY.test(name) ? 1 << 16 : 0);
    integers[at + 5] = 0;
    integers[at + 7] = 0;
    if (!this.#kernel.addName(place)) return undefined;
    this.#names.push(name);
    this.#places.set(name, place);
    return place;
  }

  /** @returns the text's address; -1 if there is no room, after all was forgotten */
  #addText(text: Buffer): number {
    const { TEXT_AT, TEXT_BYTES, bytes } = this.#kernel;
    if (this.#textBytes + text.length + SLACK > TEXT_BYTES) {
      this.#forget();
      return -1;
    }
    const at = TEXT_AT + this.#textBytes;
    text.copy(bytes, at);
    this.#textBytes += text.length;
    return at;
  }

  #forget(): void {
    this.generation += 1;
    this.#places.clear();
    this.#names.length = 0;
    this.#comments.length = 0;
    this.#textBytes = 0;
    this.#kernel.forget();
  }
}

/** A bit for each type whose samples may have the suffix. */
function typesWith(suffix: string, format: FormatName): number {
  return TYPES.reduce(
    (bits, type, at) => bits | (suffixesOf(type, format).includes(suffix) ? 1 << at : 0),
    0,
  );
}

let shared: Vocabulary | undefined;

/** The one of the process. */
export function vocabulary(): Vocabulary {
  shared ??= new Vocabulary();
  return shared;
}
