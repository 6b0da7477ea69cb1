/**
 * Puts the series of an answer together: a series may come in several frames, and its samples may lie
 * outside of the range that was asked for.
 *
 * A series that other series interrupt has several parts. They are joined once, at the end: however
 * often a server goes back to a series, each sample is copied once.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { type ChunkPlace, decodeChunk } from '../chunk/decode.ts';
import { SampleBoundError, SampleColumns, type Samples } from '../chunk/sample-columns.ts';
import type { LabelPair } from './label-reader.ts';
import type { ReadAccount } from './read-budget.ts';
import { endsOf, type Wanted } from './read-request.ts';

type LabelPairs = readonly LabelPair[];

/** Samples outside of the range that a chunk may have, beside those that count. */
const MAX_OUTSIDE = 65_536;
/** A further part of a series takes the memory of so many samples. */
const PART_SAMPLES = 32;

export class SeriesBuilder {
  readonly columns = new SampleColumns();
  readonly #account: ReadAccount;
  readonly #startMs: number;
  readonly #endMs: number;
  readonly #series: SeriesBlock[] = [];
  /** What came later of a series, by its place in the list. */
  readonly #further = new Map<number, Samples[]>();
  /** Where each label set is in the list: made when a series does not come in order. */
  #known: Map<string, number> | undefined;
  #labels: LabelPairs | undefined;
  /** The place in the list of the series that goes on; -1 for a new one. */
  #place = -1;

  constructor(account: ReadAccount, range: Wanted['range']) {
    this.#account = account;
    const { startMs, endMs } = endsOf(range);
    this.#startMs = startMs;
    this.#endMs = endMs;
  }

  /** Begins a series, or goes on with it. Labels may be in any order. */
  begin(pairs: LabelPairs): void {
    const labels = ordered(pairs);
    const last = this.#labels ?? this.#series.at(-1)?.labels;
    const order = last === undefined ? 1 : compare(labels, last);
    if (this.#labels && order === 0) return;
    this.end();
    this.#labels = labels;
    // As long as each is behind the one before, none comes twice.
    if (order <= 0) this.#known ??= new Map(this.#series.map((one, at) => [keyOf(one.labels), at]));
    this.#place = this.#known?.get(keyOf(labels)) ?? -1;
    if (this.#place < 0) this.#account.take('series', 1);
    else this.#account.take('samples', PART_SAMPLES);
  }

  /** Decodes a chunk of the series. @throws {TargetError} `too-big` */
  addChunk(bytes: Buffer, chunk: ChunkPlace): void {
    this.add((columns) => decodeChunk(bytes, chunk, columns));
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
    const samples = this.columns.take();
    if (samples.timesMs.length === 0) return;
    if (this.#place < 0) {
      this.#known?.set(keyOf(labels), this.#series.length);
      this.#series.push({ labels, ...samples });
      return;
    }
    const parts = this.#further.get(this.#place);
    if (parts) parts.push(samples);
    else this.#further.set(this.#place, [samples]);
  }

  /** Joins the parts of series in steps. @returns all series that have samples */
  *finish(): Generator<void, readonly SeriesBlock[]> {
    this.end();
    for (const [place, parts] of this.#further) {
      const first = this.#series[place]!; // `further` has places of the list
      for (const part of [first, ...parts]) {
        this.columns.append(part);
        yield;
      }
      this.#series[place] = { labels: first.labels, ...this.columns.take() };
      yield;
    }
    this.#further.clear();
    return this.#series;
  }
}

/** Labels in the order of their names, without empty values. */
function ordered(pairs: LabelPairs): LabelPairs {
  let isOrdered = true;
  for (let at = 0; at < pairs.length && isOrdered; at++) {
    isOrdered = pairs[at]![1] !== '' && (at === 0 || pairs[at - 1]![0] < pairs[at]![0]);
  }
  if (isOrdered) return pairs;
  const unique = [...new Map(pairs)].filter(([, value]) => value !== '');
  return unique.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Orders label sets whose names are in order. */
function compare(a: LabelPairs, b: LabelPairs): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [left, right] = [a[at]!, b[at]!];
    if (left === right) continue; // `LabelReader` shares them
    if (left[0] !== right[0]) return left[0] < right[0] ? -1 : 1;
    if (left[1] !== right[1]) return left[1] < right[1] ? -1 : 1;
  }
  return a.length - b.length;
}

function keyOf(pairs: LabelPairs): string {
  let key = '';
  for (const [name, value] of pairs) key += `${name.length}:${name}${value.length}:${value}`;
  return key;
}
