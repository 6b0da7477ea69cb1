/**
 * Compares the series of sample lines: metric name and label set, whatever the order of the labels,
 * their escapes and quotes.
 *
 * Lines are compared by hashes first, which the kernel tells of most; strings are made only if the
 * hashes are equal and the bytes differ. A random seed keeps attackers from preparing lines with equal
 * hashes.
 */
import { sameBytes } from '../exposition/body.ts';
import { unquote } from '../exposition/escape.ts';
import { LabelNames } from '../exposition/label-names.ts';
import { SeriesScanner } from '../exposition/series.ts';
import { isSameLabel, type LabelPair } from './labels.ts';
import { editFrom, type PageIndex, RENAME, SERIES } from './page-index.ts';
import type { SpliceSource } from './plan.ts';
import { HONORABLE } from './relabel.ts';
import { labelHash, nameHash } from './series-hash.ts';

const LINE_FEED = 10;

export class PageSeries {
  readonly page: PageIndex;
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
      (sum, [name, value]) => (sum + labelHash(name, value)) | 0,
      0,
    );
  }

  /** The hash of the series of a sample line. */
  hashOf(line: number): number {
    const told = this.page.series?.[line * SERIES] ?? 0;
    return ((told === 0 ? this.#computedHash(line) : told) + this.#extrasHash) | 0;
  }

  /** Whether a line has the series of another page's line. */
  isSame(line: number, other: PageSeries, otherLine: number): boolean {
    return this.#hasBytes(line, other, otherLine) || this.#keyOf(line) === other.#keyOf(otherLine);
  }

  #computedHash(line: number): number {
    const { labelsEnd } = this.#scan(line);
    let sum = nameHash(this.#metricName());
    for (let i = 0; i < labelsEnd; i += 4) {
      if (this.#counts(i)) sum = (sum + labelHash(this.#nameOf(i), this.#valueOf(i))) | 0;
    }
    return sum;
  }

  /** Whether the bytes of both lines are equal up to the value, and are known to say all. */
  #hasBytes(line: number, other: PageSeries, otherLine: number): boolean {
    if (this.#extras.length > 0 || other.#extras.length > 0) return false;
    if (!this.#isTold(line) || !other.#isTold(otherLine)) return false;
    const from = this.#from(line);
    const otherFrom = other.#from(otherLine);
    const length = this.page.series![line * SERIES + 1]! - from;
    if (other.page.series![otherLine * SERIES + 1]! - otherFrom !== length) return false;
    return sameBytes(this.page.body.view, from, other.page.body.view, otherFrom, length);
  }

  #isTold(line: number): boolean {
    return (this.page.series?.[line * SERIES] ?? 0) !== 0;
  }

  /** The offset of a line's first byte. */
  #from(line: number): number {
    return lineFrom(this.page, line);
  }

  /** A key of the series: equal for lines of one series, different for all others. */
  #keyOf(line: number): string {
    const { labelsEnd } = this.#scan(line);
    const pairs: LabelPair[] = [...this.#extras];
    for (let i = 0; i < labelsEnd; i += 4) {
      if (this.#counts(i)) pairs.push([this.#nameOf(i), this.#valueOf(i)]);
    }
    pairs.sort(([a], [b]) => (a < b ? -1 : 1)); // no name occurs twice
    return JSON.stringify([this.#metricName(), ...pairs]);
  }

  #scan(line: number): SeriesScanner {
    this.#scanner.scan(this.page.body, this.#from(line));
    return this.#scanner;
  }

  #metricName(): string {
    const { nameFrom, nameTo } = this.#scanner;
    return unquote(this.page.body.bytes.toString('utf8', nameFrom, nameTo));
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

/** The offset of the first byte of a sample line: no name before the labels has a line feed. */
export function lineFrom({ body, inserts }: PageIndex, line: number): number {
  const at = inserts[line]! >> 2;
  return at === 0 ? 0 : body.bytes.lastIndexOf(LINE_FEED, at - 1) + 1;
}
