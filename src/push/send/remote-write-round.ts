/** The batches of one round, lane by lane, as they fill up. */
import type { BatchSample, FlatLabels } from './remote-write-batch.ts';
import type { BatchQueue } from './remote-write-queue.ts';
import type { TrackedSeries } from './remote-write-series.ts';
import type { SeriesFamily } from './series.ts';

/** A batch ends when the texts of its labels are so long together. */
const MAX_TEXT_LENGTH = 2 ** 20;

interface OpenBatch {
  samples: BatchSample[];
  textLength: number;
  /** The family of the last sample, whose help is counted. */
  family: SeriesFamily | undefined;
}

export class RoundBatches {
  readonly #atMs: number;
  readonly #maxSamples: number;
  readonly #queue: Pick<BatchQueue, 'lanes' | 'push'>;
  readonly #open: OpenBatch[];

  constructor(atMs: number, maxSamples: number, queue: Pick<BatchQueue, 'lanes' | 'push'>) {
    this.#atMs = atMs;
    this.#maxSamples = maxSamples;
    this.#queue = queue;
    this.#open = Array.from({ length: queue.lanes }, () => ({
      samples: [],
      textLength: 0,
      family: undefined,
    }));
  }

  /** @param value - undefined: the series has ended */
  add(series: TrackedSeries, value: number | undefined): void {
    const { labels, family, createdMs } = series;
    const lane = series.hash % this.#open.length;
    const open = this.#open[lane]!; // the lane is an index
    const described = open.family === family ? 0 : family.help.length + family.unit.length;
    const length = textLength(labels) + described;
    const isFull = open.samples.length >= this.#maxSamples;
    if (isFull || (open.samples.length > 0 && open.textLength + length > MAX_TEXT_LENGTH)) {
      this.#end(lane);
    }
    open.samples.push({ labels, family, value, createdMs });
    open.textLength += length;
    open.family = family;
  }

  /** Hands over what is not full. */
  flush(): void {
    for (let lane = 0; lane < this.#open.length; lane++) this.#end(lane);
  }

  #end(lane: number): void {
    const open = this.#open[lane]!; // the lane is an index
    if (open.samples.length > 0) {
      this.#queue.push(lane, { atMs: this.#atMs, samples: open.samples });
    }
    open.samples = [];
    open.textLength = 0;
    open.family = undefined;
  }
}

function textLength(labels: FlatLabels): number {
  let length = 0;
  for (const text of labels) length += text.length;
  return length;
}
