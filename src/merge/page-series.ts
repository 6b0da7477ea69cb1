/**
 * Which series the sample lines of a page are of: metric name and label set, whatever the order of
 * the labels, their escapes and quotes.
 *
 * A hash of a line is made from its bytes. Strings are made only of lines whose hashes are equal and
 * whose bytes are not. Keyed by chance, so that nobody can prepare lines whose hashes are equal.
 */
import { randomBytes } from 'node:crypto';
import { sameBytes } from '../exposition/body.ts';
import { unquote } from '../exposition/escape.ts';
import { LabelNames } from '../exposition/label-names.ts';
import { SeriesScanner } from '../exposition/series.ts';
import { isSameLabel, type LabelPair } from './labels.ts';
import type { PageIndex } from './page-index.ts';
import type { SpliceSource } from './plan.ts';
import { HONORABLE } from './relabel.ts';

const BACKSLASH = 92;
const SEED = randomBytes(4).readInt32LE();

export class PageSeries {
  readonly page: PageIndex;
  /** Behind the label set of the line that was read last. */
  #seriesTo = 0;
  readonly #scanner: SeriesScanner;
  readonly #inserted: ReadonlyMap<string, string>;
  readonly #extras: readonly LabelPair[];
  readonly #extrasHash: number;

  /** @param common - labels that all pages compared get alike: they make no difference */
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

  /** @param from - where the sample line begins */
  hashAt(from: number): number {
    const { bytes } = this.page.body;
    const scanner = this.#scan(from);
    const { labels, labelsEnd } = scanner;
    let sum = this.#extrasHash;
    for (let i = 0; i < labelsEnd; i += 4) {
      if (!this.#counts(i)) continue;
      const name = hashBytes(bytes, labels[i]!, labels[i + 1]!, SEED);
      sum =
        (sum + mixed(hashBytes(bytes, labels[i + 2]! + 1, labels[i + 3]! - 1, mixed(name)))) | 0;
    }
    return mixed(sum ^ hashBytes(bytes, scanner.nameFrom, scanner.nameTo, SEED));
  }

  /** Whether the line at `from` is of the series of another page's line at `otherFrom`. */
  isSame(from: number, other: PageSeries, otherFrom: number): boolean {
    return this.#isWritten(from, other, otherFrom) || this.#keyAt(from) === other.#keyAt(otherFrom);
  }

  /** Whether the two lines have the same bytes, up to the blank behind the series. */
  #isWritten(from: number, other: PageSeries, otherFrom: number): boolean {
    if (this.#extras.length > 0 || other.#extras.length > 0) return false;
    this.#scan(from);
    const length = this.#seriesTo + 1 - from;
    const { body } = other.page;
    if (otherFrom + length > body.length) return false;
    return sameBytes(this.page.body.view, from, body.view, otherFrom, length);
  }

  /** Equal for lines of one series, and for no others. */
  #keyAt(from: number): string {
    const { bytes } = this.page.body;
    const { labelsEnd, nameFrom, nameTo } = this.#scan(from);
    const pairs: LabelPair[] = [...this.#extras];
    for (let i = 0; i < labelsEnd; i += 4) {
      if (this.#counts(i)) pairs.push([this.#nameOf(i), this.#valueOf(i)]);
    }
    pairs.sort(([a], [b]) => (a < b ? -1 : 1)); // no name stands twice
    return JSON.stringify([unquote(bytes.toString('utf8', nameFrom, nameTo)), ...pairs]);
  }

  #scan(from: number): SeriesScanner {
    this.#seriesTo = this.#scanner.scan(this.page.body, from);
    return this.#scanner;
  }

  /**
   * Whether a label makes a difference. An empty one is none; but an honoured one, also when empty,
   * keeps another from being inserted, and is as good as none where it says the same.
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

  #nameOf(at: number): string {
    const { labels } = this.#scanner;
    return unquote(this.page.body.bytes.toString('utf8', labels[at], labels[at + 1]));
  }

  #valueOf(at: number): string {
    const { labels } = this.#scanner;
    return unquote(this.page.body.bytes.toString('utf8', labels[at + 2]! + 1, labels[at + 3]! - 1));
  }
}

function hashPair(name: string, value: string): number {
  const bytes = Buffer.from(name + value);
  const nameTo = Buffer.byteLength(name);
  return mixed(hashRaw(bytes, nameTo, bytes.length, mixed(hashRaw(bytes, 0, nameTo, SEED))));
}

/** The hash of what the bytes mean: escapes count as what they stand for. */
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
