/**
 * The layout of a body: what its text is apart from the values.
 *
 * Clients push the same text again and again with other values. A body that has a known layout is
 * compared with the layout, not parsed. A layout takes about as much memory as the body.
 */
import { sameBytes } from '../../exposition/body.ts';
import type { PushMode } from '../push.ts';
import type { PushedPage } from '../pushed-page.ts';
import { type Assembled, EQUALS, NOWHERE } from './assemble.ts';
import type { BodyLines } from './body-lines.ts';
import { SUM } from './body-samples.ts';
import { complaintOf } from './check-values.ts';
import { DecimalReader } from './decimal.ts';

export class BodyLayout {
  /** The page of the body of which the layout was made. */
  readonly page: PushedPage;
  /** The bytes of the body without the values. */
  readonly #text: DataView;
  /** Per value: the end of the text before it. */
  readonly #cuts: Int32Array;
  /** Per value: its place in the page's values; see `Assembled.places`. */
  readonly #places: Int32Array;
  /** Per value: whether it is the sum of a histogram or a summary. */
  readonly #sums: Uint8Array;
  /** Per value: what the body being read says, if another value must be the same. */
  readonly #totals: Float64Array;
  readonly #replaces: boolean;
  readonly #decimals = new DecimalReader();

  /** @param cuts - of the lines */
  constructor(lines: BodyLines, { page, places }: Assembled, mode: PushMode) {
    const { body, cuts, samples } = lines;
    const count = (cuts?.length ?? 0) / 3;
    const text = Buffer.allocUnsafeSlow(body.length);
    this.#cuts = new Int32Array(count);
    this.#places = new Int32Array(count);
    this.#sums = new Uint8Array(count);
    this.#replaces = mode === 'replace';
    this.page = page;
    let from = 0;
    let length = 0;
    for (let value = 0; value < count && cuts !== undefined; value++) {
      length += body.bytes.copy(text, length, from, cuts.at(3 * value));
      from = cuts.at(3 * value + 1);
      const sample = cuts.at(3 * value + 2);
      this.#cuts[value] = length;
      this.#places[value] = sample < 0 ? NOWHERE : places[sample]!;
      this.#sums[value] = sample >= 0 && samples.kindOf(sample) === SUM ? 1 : 0;
    }
    length += body.bytes.copy(text, length, from, body.length);
    this.#text = new DataView(text.buffer, 0, length);
    const hasTotals = this.#places.some((place) => place <= EQUALS);
    this.#totals = new Float64Array(hasTotals ? count : 0);
  }

  /** The memory that the layout takes beside its page. */
  get sizeBytes(): number {
    return this.#text.buffer.byteLength + this.#cuts.length * 9 + this.#totals.byteLength;
  }

  /**
   * Reads the values of a body that differs from the layout's own in values only.
   *
   * @returns the values as `page.values` has them; undefined if the body differs otherwise, or if the
   *   values may break a rule: read the body in full then
   */
  read(bytes: Buffer): Float64Array | undefined {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const text = this.#text;
    const cuts = this.#cuts;
    const places = this.#places;
    const decimals = this.#decimals;
    const values = this.page.values.slice();
    const { length } = bytes;
    let p = 0;
    let from = 0;
    for (let at = 0; at < cuts.length; at++) {
      const to = cuts[at]!;
      const next = p + to - from;
      if (next >= length || !sameBytes(text, from, view, p, to - from)) return undefined;
      from = to;
      const value = decimals.read(bytes, next);
      p = decimals.end;
      if (p < 0 || p > length) return undefined;
      const place = places[at]!;
      if (place >= 0) values[place] = value;
      else if (place !== NOWHERE) this.#totals[at] = value;
      if (this.#sums[at] === 1 && !this.#replaces && !Number.isFinite(value)) return undefined;
    }
    const rest = text.byteLength - from;
    if (length - p !== rest || !sameBytes(text, from, view, p, rest)) return undefined;
    return this.#replaces || this.#isAllowed(values) ? values : undefined;
  }

  #isAllowed(values: Float64Array): boolean {
    const places = this.#places;
    for (let at = 0; at < this.#totals.length; at++) {
      const place = places[at]!;
      if (place <= EQUALS && this.#totals[at] !== values[EQUALS - place]) return false;
    }
    for (const { type, name, metrics } of this.page.families) {
      for (const { bounds, at } of metrics) {
        if (complaintOf(type, name, bounds.length, at, values) !== undefined) return false;
      }
    }
    return true;
  }
}
