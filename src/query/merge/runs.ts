/**
 * A series that is put together of stretches of other series.
 *
 * Stretches are copied as bytes: a stale marker is one pattern of NaN, which a copy number by number might change.
 */
import type { Histogram } from '../../promql/evaluate/histogram.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';

interface Run {
  readonly from: number;
  to: number;
  readonly block: SeriesBlock;
}

/** Stretches in the order of their times. */
export class Runs {
  readonly #runs: Run[] = [];
  #samples = 0;

  /** Adds the samples of a block from one index up to, not including, another. */
  add(block: SeriesBlock, from: number, to: number): void {
    if (from >= to) return;
    this.#samples += to - from;
    const last = this.#runs.at(-1);
    if (last !== undefined && last.block === block && last.to === from) last.to = to;
    else this.#runs.push({ block, from, to });
  }

  /** The series with the labels of `base`; `base` itself if nothing was added to it or left out. */
  finish(base: SeriesBlock): SeriesBlock {
    const [first, second] = this.#runs;
    const isBase = first?.block === base && this.#samples === base.timesMs.length;
    if (isBase && second === undefined) return base;
    const timesMs = new Float64Array(this.#samples);
    const values = new Float64Array(this.#samples);
    let histograms: (Histogram | undefined)[] | undefined;
    let startTimesMs: Float64Array | undefined;
    let at = 0;
    for (const { block, from, to } of this.#runs) {
      timesMs.set(block.timesMs.subarray(from, to), at);
      values.set(block.values.subarray(from, to), at);
      if (block.histograms !== undefined) {
        histograms ??= new Array<Histogram | undefined>(this.#samples).fill(undefined);
        for (let one = from; one < to; one++) histograms[at + one - from] = block.histograms[one];
      }
      if (block.startTimesMs !== undefined) {
        startTimesMs ??= new Float64Array(this.#samples);
        startTimesMs.set(block.startTimesMs.subarray(from, to), at);
      }
      at += to - from;
    }
    return {
      ...{ labels: base.labels, timesMs, values },
      ...(histograms && { histograms }),
      ...(startTimesMs && { startTimesMs }),
    };
  }
}
