/**
 * The sources of a tenant: clients that name themselves. Of a cumulative source the last value of
 * each metric is kept, so that only what has grown since is added.
 */
import type { Held, HeldRecords } from './held.ts';

/** What a source has pushed last for one metric: a record `s`. */
export interface Last {
  readonly held: Held;
  /**
   * The id of the share that it was added to. When that share is gone, the metric began anew, or has
   * other buckets: what the source pushes then counts from 0.
   */
  readonly of: number;
}

export interface Source {
  readonly name: string;
  /** The record `o`: when the source has pushed last. */
  readonly held: Held;
  /** By family and labels. */
  readonly lasts: Map<string, Last>;
}

export interface MetricName {
  readonly family: string;
  readonly labels: string;
}

export interface LastPlace extends Pick<Last, 'of'> {
  /** The length of the run. */
  readonly size: number;
}

export class Sources {
  readonly #records: HeldRecords;
  readonly #sources = new Map<string, Source>();
  #lastCount = 0;
  readonly #total: { sourceValues: number };

  constructor(records: HeldRecords, total: { sourceValues: number }) {
    this.#records = records;
    this.#total = total;
  }

  get size(): number {
    return this.#sources.size;
  }

  /** How many last values are kept. */
  get lastCount(): number {
    return this.#lastCount;
  }

  get(name: string): Source | undefined {
    return this.#sources.get(name);
  }

  /** The least recently heard source first. */
  all(): Iterable<Source> {
    return this.#sources.values();
  }

  /** Notes that a source has pushed. */
  heard(name: string, nowMs: number): Source {
    let source = this.#sources.get(name);
    if (source) this.#sources.delete(name);
    else source = this.#create(name);
    this.#sources.set(name, source); // behind all others
    this.#records.cells.values[source.held.at] = nowMs;
    this.#records.change(source.held);
    return source;
  }

  heardMs({ held }: Source): number {
    return this.#records.cells.values[held.at]!;
  }

  /** @param restored - the record of a source that the journal knows */
  #create(name: string, restored?: Held): Source {
    const held = restored ?? this.#records.create(1, () => ['o', name]);
    const source: Source = { name, held, lasts: new Map() };
    this.#sources.set(name, source);
    return source;
  }

  restore(name: string, held: Held): void {
    this.#create(name, held);
  }

  /** @param restored - the record of a last run that the journal knows */
  addLast(source: Source, metric: MetricName, { of, size }: LastPlace, restored?: Held): Last {
    const { family, labels } = metric;
    const key = keyOf(metric);
    const before = source.lasts.get(key);
    if (before) this.#records.remove(before.held);
    else this.#count(1);
    const keyed = () => ['s', source.name, family, labels, of] as const;
    const last: Last = { held: restored ?? this.#records.create(size, keyed), of };
    source.lasts.set(key, last);
    return last;
  }

  /** Removes a last value if this is its record. */
  removeLast({ lasts }: Source, metric: MetricName, held: Held): void {
    const key = keyOf(metric);
    if (lasts.get(key)?.held === held) {
      lasts.delete(key);
      this.#count(-1);
    }
    this.#records.remove(held);
  }

  #count(more: number): void {
    this.#lastCount += more;
    this.#total.sourceValues += more;
  }

  /** The last values of a source, with the metrics that these are of. */
  lastsOf({ lasts }: Source): [MetricName, Last][] {
    return [...lasts].map(([key, last]) => {
      const at = key.lastIndexOf('\n'); // texts of labels have none
      return [{ family: key.slice(0, at), labels: key.slice(at + 1) }, last];
    });
  }

  last({ lasts }: Source, metric: MetricName): Last | undefined {
    return lasts.get(keyOf(metric));
  }

  remove(source: Source): void {
    this.#sources.delete(source.name);
    for (const { held } of source.lasts.values()) this.#records.remove(held);
    this.#count(-source.lasts.size);
    this.#records.remove(source.held);
  }
}

function keyOf({ family, labels }: MetricName): string {
  return `${family}\n${labels}`;
}
