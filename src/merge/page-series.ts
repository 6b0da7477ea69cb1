/**
 * Compares the series of sample lines: metric name and label set, whatever the order of the labels,
 * their escapes and quotes.
 *
 * Lines are compared by hashes of their bytes first; strings are made only if the hashes are equal
 * and the bytes differ. A random seed keeps attackers from preparing lines with equal hashes.
 */
import { randomBytes } from 'node:crypto';
import { sameBytes } from '../exposition/body.ts';
import { unquote } from '../exposition/escape.ts';
import { LabelNames } from '../exposition/label-names.ts';
import { SeriesScanner } from '../exposition/series.ts';
import { isSameLabel, type LabelPair } from './labels.ts';
import { editFrom, type PageIndex, RENAME } from './page-index.ts';
import type { SpliceSource } from './plan.ts';
import { HONORABLE } from './relabel.ts';

const BACKSLASH = 92;
const SEED = randomBytes(4).readInt32LE();

export class PageSeries {
  readonly page: PageIndex;
  /** The offset after the label set of the line scanned last. */
  #seriesTo = 0;
  readonly #scanner: SeriesScanner;
  readonly #inserted: ReadonlyMap<string, string>;
  /** Inserted labels that are not common to all compared pages. */
  readonly #extras: readonly LabelPair[];
  readonly #extrasHash: number;

  /** @param common - labels that all compared pages get with the same value */
  constructor({ page, labels }: SpliceSource, common: readonly LabelPair[]) {
    this.page = page;
    this.#scanner = new SeriesScanner(page.grammar, new LabelNames([]));
    this.#inserted = new Map(labels.pairs);
    this.#extras = labels.pairs.filter((pair) => !common.some((one) => isSameLabel(one, pair)));
    this.#extrasHash = this.#extras.reduce(
      (sum, [name, value]) => (sum + hashPair(name, value)) | 0,
      0,
    );
  }

  /** The hash of the series of the sample line that begins at `from`. */
  hashAt(from: number): number {
    const { bytes } = this.page.body;
    const scanner = this.#scan(from);
    const { labels, labelsEnd } = scanner;
    let sum = this.#extrasHash;
    for (let i = 0; i < labelsEnd; i += 4) {
      if (!this.#counts(i)) continue;
      const seed = this.#isRenamed(i) ? RENAMED_SEED : SEED;
      const name = hashBytes(bytes, labels[i]!, labels[i + 1]!, seed);
      sum =
        (sum + mixed(hashBytes(bytes, labels[i + 2]! + 1, labels[i + 3]! - 1, mixed(name)))) | 0;
    }
    return mixed(sum ^ hashBytes(bytes, scanner.nameFrom, scanner.nameTo, SEED));
  }

  /** Whether the line at `from` has the series of another page's line at `otherFrom`. */
  isSame(from: number, other: PageSeries, otherFrom: number): boolean {
    return this.#hasBytes(from, other, otherFrom) || this.#keyAt(from) === other.#keyAt(otherFrom);
  }

  /** Whether the bytes of both lines are equal, up to the blank after the series. */
  #hasBytes(from: number, other: PageSeries, otherFrom: number): boolean {
    if (this.#extras.length > 0 || other.#extras.length > 0) return false;
    if (this.page.edits !== undefined || other.page.edits !== undefined) return false;
    this.#scan(from);
    const length = this.#seriesTo + 1 - from;
    const { body } = other.page;
    if (otherFrom + length > body.length) return false;
    return sameBytes(this.page.body.view, from, body.view, otherFrom, length);
  }

  /** A key of the series: equal for lines of one series, different for all others. */
  #keyAt(from: number): string {
    const { bytes } = this.page.body;
    const { labelsEnd, nameFrom, nameTo } = this.#scan(from);
    const pairs: LabelPair[] = [...this.#extras];
    for (let i = 0; i < labelsEnd; i += 4) {
      if (this.#counts(i)) pairs.push([this.#nameOf(i), this.#valueOf(i)]);
    }
    pairs.sort(([a], [b]) => (a < b ? -1 : 1)); // no name occurs twice
    return JSON.stringify([unquote(bytes.toString('utf8', nameFrom, nameTo)), ...pairs]);
  }

  #scan(from: number): SeriesScanner {
    this.#seriesTo = this.#scanner.scan(this.page.body, from);
    return this.#scanner;
  }

  /**
   * Whether a label tells series apart. An empty label does not. An honoured label replaces the
   * inserted label, even if empty, and counts if its value differs from the inserted value.
   */
  #counts(at: number): boolean {
    const { labels } = this.#scanner;
    if (this.page.honored !== undefined) {
      const name = this.#nameOf(at);
      const honorable: readonly string[] = HONORABLE;
      if (honorable.includes(name)) return this.#valueOf(at) !== (this.#inserted.get(name) ?? '');
    }
    return labels[at + 3]! - labels[at + 2]! > 2;
  }

  /** The name that the merged page gives to a label. */
  #nameOf(at: number): string {
    const { labels } = this.#scanner;
    const name = unquote(this.page.body.bytes.toString('utf8', labels[at], labels[at + 1]));
    return this.#isRenamed(at) ? RENAME + name : name;
  }

  #isRenamed(at: number): boolean {
    const { edits } = this.page;
    if (edits === undefined) return false;
    const nameFrom = this.#scanner.labels[at]!;
    return edits[editFrom(edits, nameFrom)] === nameFrom;
  }

  #valueOf(at: number): string {
    const { labels } = this.#scanner;
    return unquote(this.page.body.bytes.toString('utf8', labels[at + 2]! + 1, labels[at + 3]! - 1));
  }
}

const RENAMED_SEED = hashRaw(RENAME, 0, RENAME.length, SEED);

function hashPair(name: string, value: string): number {
  const bytes = Buffer.from(name + value);
  const nameTo = Buffer.byteLength(name);
  return mixed(hashRaw(bytes, nameTo, bytes.length, mixed(hashRaw(bytes, 0, nameTo, SEED))));
}

/** The hash of the text that the bytes stand for, with its escapes resolved. */
function hashBytes(bytes: Buffer, from: number, to: number, seed: number): number {
  for (let at = from; at < to; at++) {
    if (bytes[at] !== BACKSLASH) continue;
    const meant = Buffer.from(unquote(bytes.toString('utf8', from, to)));
    return hashRaw(meant, 0, meant.length, seed);
  }
  return hashRaw(bytes, from, to, seed);
}

/** FNV-1a. @see https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
function hashRaw(bytes: Buffer, from: number, to: number, seed: number): number {
  let hash = seed;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193);
  return hash;
}

/** Spreads every bit over all others: the finalizer of MurmurHash3. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
