/**
 * Puts the series of an answer together: a series may come in several frames, and its samples may lie
 * outside of the range that was asked for.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { SampleBoundError, SampleColumns } from '../chunk/sample-columns.ts';
import type { ReadAccount } from './read-budget.ts';
import { endsOf, type Wanted } from './read-request.ts';

type LabelPairs = (readonly [string, string])[];

/** Samples outside of the range that a chunk may have, beside those that count. */
const MAX_OUTSIDE = 65_536;

export class SeriesBuilder {
  readonly columns = new SampleColumns();
  readonly #account: ReadAccount;
  readonly #startMs: number;
  readonly #endMs: number;
  readonly #series: SeriesBlock[] = [];
  /** Where each label set is in the list. */
  readonly #known = new Map<string, number>();
  #labels: LabelPairs | undefined;
  #key = '';

  constructor(account: ReadAccount, range: Wanted['range']) {
    this.#account = account;
    const { startMs, endMs } = endsOf(range);
    this.#startMs = startMs;
    this.#endMs = endMs;
  }

  /** Begins a series, or goes on with it. Labels may be in any order. */
  begin(pairs: LabelPairs): void {
    const labels = ordered(pairs.filter(([, value]) => value !== ''));
    const key = keyOf(labels);
    if (this.#labels && key === this.#key) return;
    this.end();
    this.#labels = labels;
    this.#key = key;
    const before = this.#known.get(key);
    if (before === undefined) this.#account.take('series', 1);
    else this.columns.append(this.#series[before]!); // `known` has places of the list
  }

  /**
   * Lets `append` add samples to the columns, and drops those outside of the range.
   *
   * @throws {TargetError} `too-big`
   */
  add(append: (columns: SampleColumns) => void): void {
    const { columns } = this;
    const before = columns.length;
    const allowed = this.#account.left('samples') + MAX_OUTSIDE;
    columns.left = allowed;
    try {
      append(columns);
    } catch (error) {
      if (error instanceof SampleBoundError) this.#account.take('samples', allowed);
      throw error;
    }
    const decoded = columns.length;
    columns.keepWithin(before, this.#startMs, this.#endMs);
    this.#account.take('samples', Math.ceil(allowed - columns.left) - (decoded - columns.length));
  }

  /** Ends the series that was begun last. */
  end(): void {
    const labels = this.#labels;
    if (!labels) return;
    this.#labels = undefined;
    const before = this.#known.get(this.#key);
    const block = { labels, ...this.columns.take() };
    if (before !== undefined) this.#series[before] = block;
    else if (block.timesMs.length > 0) {
      this.#known.set(this.#key, this.#series.length);
      this.#series.push(block);
    }
  }

  /** All series that have samples. */
  finish(): readonly SeriesBlock[] {
    this.end();
    return this.#series;
  }
}

function ordered(pairs: LabelPairs): LabelPairs {
  for (let at = 1; at < pairs.length; at++) {
    if (pairs[at - 1]![0] >= pairs[at]![0])
      return [...new Map(pairs)].sort(([a], [b]) => (a < b ? -1 : 1));
  }
  return pairs;
}

function keyOf(pairs: LabelPairs): string {
  let key = '';
  for (const [name, value] of pairs) key += `${name.length}:${name}${value.length}:${value}`;
  return key;
}
