/**
 * The storage that the `load` commands of a corpus file fill.
 */
import { ClassicBuckets } from '../../../src/promql/evaluate/classic-histogram.ts';
import { parseBound } from '../../../src/promql/evaluate/functions/histogram-functions.ts';
import { type Histogram, sameNumbers } from '../../../src/promql/evaluate/histogram.ts';
import { detectsReset } from '../../../src/promql/evaluate/histogram-arithmetic.ts';
import { memoryStorage } from '../../../src/promql/evaluate/memory-storage.ts';
import { writeStale } from '../../../src/promql/evaluate/stale.ts';
import type { SeriesBlock, Storage } from '../../../src/promql/evaluate/storage.ts';
import type { Load, LoadedLine } from './corpus-file.ts';
import type { NotedLabels, NotedValue } from './series-notation.ts';

interface Sample {
  readonly value: NotedValue;
  readonly startMs: number;
}

/** The samples of one series by their time. */
interface Series {
  readonly labels: NotedLabels;
  readonly samples: Map<number, Sample>;
}

/** All that some `load` commands have loaded; a further command makes another storage. */
export class CorpusStorage {
  readonly #series = new Map<string, Series>();
  #made: Storage | undefined;

  /** What is loaded after a further command. */
  with(load: Load): CorpusStorage {
    const next = new CorpusStorage();
    for (const [key, { labels, samples }] of this.#series) {
      next.#series.set(key, { labels, samples: new Map(samples) });
    }
    for (const line of load.series) next.#addLine(line, load.stepMs);
    if (load.withNhcb) next.#addNhcb(load);
    return next;
  }

  /** A storage of all that was added. */
  storage(): Storage {
    this.#made ??= memoryStorage([...this.#series.values()].map(toBlock));
    return this.#made;
  }

  #addLine({ labels, values, starts }: LoadedLine, stepMs: number): void {
    values.forEach((value, at) => {
      const timeMs = at * stepMs;
      const start = starts?.[at];
      if (value === undefined) return;
      this.#put(labels, timeMs, { value, startMs: start === undefined ? 0 : timeMs + start });
    });
  }

  #put(labels: NotedLabels, timeMs: number, sample: Sample): void {
    const kept = labels.filter(([, value]) => value !== '');
    const key = JSON.stringify(kept.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels: kept, samples: new Map() };
      this.#series.set(key, series);
    }
    series.samples.set(timeMs, sample);
  }

  #addNhcb(load: Load): void {
    const families = new Map<string, Family>();
    for (const { labels, values } of load.series) {
      const name = labels.find(([label]) => label === '__name__')?.[1] ?? '';
      const [, base = '', part = ''] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
      if (base === '') continue;
      const others = labels.filter(([label]) => label !== 'le' && label !== '__name__');
      const le = labels.find(([label]) => label === 'le')?.[1] ?? '';
      if (part === 'bucket' && parseBound(le) === undefined) continue;
      const target: NotedLabels = [['__name__', base], ...others];
      const key = JSON.stringify(target);
      const family = families.get(key) ?? { labels: target, lines: [] };
      families.set(key, family);
      family.lines.push({ part, upper: parseBound(le) ?? Infinity, values });
    }
    for (const family of families.values()) {
      const length = Math.max(...family.lines.map(({ values }) => values.length));
      for (let at = 0; at < length; at++) {
        const histogram = nhcbAt(family, at);
        if (histogram === undefined) continue;
        this.#put(family.labels, at * load.stepMs, { value: histogram, startMs: 0 });
      }
    }
  }
}

interface Family {
  readonly labels: NotedLabels;
  readonly lines: { part: string; upper: number; values: readonly NotedValue[] }[];
}

function nhcbAt({ lines }: Family, at: number): Histogram | undefined {
  const numbers = lines.flatMap(({ part, upper, values }) => {
    const value = values[at];
    return typeof value === 'number' ? [{ part, upper, count: value }] : [];
  });
  const buckets = numbers.filter(({ part }) => part === 'bucket');
  const count = numbers.find(({ part }) => part === 'count')?.count;
  const sum = numbers.find(({ part }) => part === 'sum')?.count ?? 0;
  if (numbers.length === 0) return undefined;
  const top = buckets.find(({ upper }) => upper === Infinity)?.count;
  const total = count ?? top ?? Math.max(0, ...buckets.map((bucket) => bucket.count));
  if (top === undefined) buckets.push({ part: 'bucket', upper: Infinity, count: total });
  const unique = new Map(buckets.toReversed().map((bucket) => [bucket.upper, bucket.count]));
  const classic = new ClassicBuckets(unique.size);
  for (const [upper, number] of [...unique].sort(([a], [b]) => a - b)) classic.add(upper, number);
  classic.forceRising();
  return { ...classic.toHistogram(), count: total, sum };
}

function toBlock({ labels, samples }: Series): SeriesBlock {
  const ordered = [...samples].sort(([a], [b]) => a - b);
  const values = Float64Array.from(ordered, ([, { value }]) =>
    typeof value === 'number' ? value : 0,
  );
  ordered.forEach(([, { value }], at) => {
    if (value === 'stale') writeStale(values, at);
  });
  const histograms = storedHints(ordered.map(([, { value }]) => value));
  const starts = ordered.map(([, { startMs }]) => startMs);
  return {
    labels,
    timesMs: Float64Array.from(ordered, ([timeMs]) => timeMs),
    values,
    ...(histograms.some((one) => one !== undefined) ? { histograms } : {}),
    ...(starts.some((start) => start !== 0) ? { startTimesMs: Float64Array.from(starts) } : {}),
  };
}

/**
 * Histograms with the hints that they have after they were stored.
 *
 * A storage keeps histograms in chunks. A chunk ends at each reset and at each change of the layout, and within a chunk
 * the storage knows that there was no reset.
 */
function storedHints(values: readonly NotedValue[]): (Histogram | undefined)[] {
  let previous: Histogram | undefined;
  return values.map((value) => {
    if (typeof value !== 'object') {
      previous = undefined;
      return undefined;
    }
    const continues =
      previous !== undefined &&
      previous.schema === value.schema &&
      previous.zeroThreshold === value.zeroThreshold &&
      sameNumbers(previous.customValues, value.customValues) &&
      !detectsReset(value, previous);
    const chained = previous !== undefined && previous.hint !== 'gauge' && continues;
    previous = value;
    if (value.hint === 'gauge') return value;
    return { ...value, hint: chained ? 'not_reset' : 'unknown' };
  });
}
