/**
 * The labels `le` of buckets and `quantile` of summaries: numbers, not texts.
 */
import { ExpositionError } from '../../exposition/error.ts';
import type { FamilyType } from '../../exposition/grammar.ts';
import { isCompound } from '../pushed-page.ts';
import type { Role } from './body-families.ts';
import { BOUNDED, COUNT, DROPPED, INFINITE, SUM, VALUE } from './body-samples.ts';
import { DecimalReader } from './decimal.ts';

const LE = Buffer.from('le');
const QUANTILE = Buffer.from('quantile');

/** Reads the bound of one sample after the other; the fields describe the last sample. */
export class BoundReader {
  /** Where in the list of labels the label with the bound lies; -1 if it is no label of its own. */
  place = -1;
  kind = VALUE;
  /** 0 if the sample has no bound. */
  bound = 0;
  readonly #bytes: Buffer;
  /** Whether to take what Pushgateway takes. */
  readonly #lenient: boolean;
  readonly #decimals = new DecimalReader();

  constructor(bytes: Buffer, lenient: boolean) {
    this.#bytes = bytes;
    this.#lenient = lenient;
  }

  /**
   * @param from - a byte of the sample's line
   * @param type - of the sample's family
   * @param labels - offsets, four per label, up to `end`
   */
  read(
    from: number,
    type: FamilyType | undefined,
    role: Role,
    labels: Int32Array,
    end: number,
  ): void {
    this.place = -1;
    this.bound = 0;
    this.kind = VALUE;
    if (type === undefined || !isCompound(type)) return;
    const name = type === 'summary' ? QUANTILE : LE;
    this.place = this.#find(name, labels, end);
    if (role === 'count' || role === 'sum') {
      this.kind = role === 'count' ? COUNT : SUM;
      if (this.place >= 0 && !this.#lenient) {
        throw this.#refusal(from, `the label ${name} has no meaning for this sample`);
      }
    } else if (this.place < 0 || (role === 'stray' && !this.#lenient))
      this.#stray(from, role, name);
    else this.#readBound(from, type, name, labels);
  }

  #find(name: Buffer, labels: Int32Array, end: number): number {
    const bytes = this.#bytes;
    for (let at = end - 4; at >= 0; at -= 4) {
      const from = labels[at]!;
      if (labels[at + 1]! - from !== name.length || bytes[from] !== name[0]) continue;
      let same = 1;
      while (same < name.length && bytes[from + same] === name[same]) same++;
      if (same === name.length) return at;
    }
    return -1;
  }

  #stray(from: number, role: Role, name: Buffer): void {
    this.kind = DROPPED;
    if (this.#lenient) return;
    const what =
      role === 'stray'
        ? 'a histogram has samples with the suffixes _bucket, _sum and _count alone'
        : `the sample needs a label ${name}`;
    throw this.#refusal(from, what);
  }

  #readBound(from: number, type: FamilyType, name: Buffer, labels: Int32Array): void {
    const valueFrom = labels[this.place + 2]! + 1;
    const valueTo = labels[this.place + 3]! - 1;
    this.bound = this.#decimals.read(this.#bytes, valueFrom) + 0; // -0 is 0
    if (this.#decimals.end !== valueTo) {
      const shown = this.#bytes.toString('utf8', valueFrom, Math.min(valueTo, valueFrom + 40));
      throw this.#refusal(from, `expected float as value for '${name}' label, got "${shown}"`);
    }
    const infinite = this.bound === Number.POSITIVE_INFINITY && type !== 'summary';
    this.kind = infinite ? INFINITE : BOUNDED;
    if (!Number.isNaN(this.bound)) return;
    if (!this.#lenient) throw this.#refusal(from, `the label ${name} must not be NaN`);
    this.kind = DROPPED;
  }

  #refusal(from: number, what: string): ExpositionError {
    return new ExpositionError('grammar', this.#bytes, from, what);
  }
}
