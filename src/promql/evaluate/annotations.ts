/**
 * Warnings and remarks of one evaluation: each text once, with the place in the query that it speaks of.
 */
import { printGeneral } from '../literal/number.ts';
import { quoteText } from '../literal/quote.ts';

/** How grave a remark is. */
export type AnnotationKind = 'warning' | 'info';

/** The part of the query that a remark speaks of, in the form in which it is printed: `1:21`. */
export type Place = string;

/** What was wrong with classic histograms whose counts did not rise. */
interface Monotonicity {
  minBound: number;
  maxBound: number;
  maxDifference: number;
  firstMs: number;
  lastMs: number;
  samples: number;
}

/** Collects the remarks of one evaluation. Their number is bounded. */
export class Annotations {
  readonly #texts = new Map<string, AnnotationKind>();
  readonly #repaired = new Map<string, Monotonicity>();
  readonly #overlaps = new Map<string, number>();
  static readonly #MAX = 1000;

  warn(text: string, place: Place): void {
    this.#add('warning', `PromQL warning: ${text} (${place})`);
  }

  info(text: string, place: Place): void {
    this.#add('info', `PromQL info: ${text} (${place})`);
  }

  /** A classic histogram's counts had to be forced to rise; all such remarks of a place become one. */
  repairedMonotonicity(
    name: string,
    place: Place,
    repair: Omit<Monotonicity, 'samples' | 'firstMs' | 'lastMs'>,
    atMs: number,
  ): void {
    const key = `${forMetric(name)}\n${place}`;
    const known = this.#repaired.get(key);
    if (known === undefined) {
      if (this.#repaired.size >= Annotations.#MAX) return;
      this.#repaired.set(key, { ...repair, firstMs: atMs, lastMs: atMs, samples: 1 });
      return;
    }
    known.minBound = Math.min(known.minBound, repair.minBound);
    known.maxBound = Math.max(known.maxBound, repair.maxBound);
    known.maxDifference = Math.max(known.maxDifference, repair.maxDifference);
    known.firstMs = Math.min(known.firstMs, atMs);
    known.lastMs = Math.max(known.lastMs, atMs);
    known.samples++;
  }

  /** A sample's start time lies before the sample that precedes it. */
  overlappingStart(name: string, place: Place): void {
    const key = `PromQL warning: sample has start time that overlaps with previous sample timestamp for metric ${quoteText(name)} (${place})`;
    if (!this.#overlaps.has(key) && this.#overlaps.size >= Annotations.#MAX) return;
    this.#overlaps.set(key, (this.#overlaps.get(key) ?? 0) + 1);
  }

  /** All texts of one kind, in the order in which they were first added. */
  texts(kind: AnnotationKind): string[] {
    const texts = [...this.#texts].filter(([, of]) => of === kind).map(([text]) => text);
    if (kind === 'info') {
      for (const [key, repair] of this.#repaired) texts.push(repairText(key, repair));
    } else {
      for (const [text, times] of this.#overlaps) {
        const end = text.lastIndexOf(' (');
        const counted = times > 1 ? ` (${times} occurrences)` : '';
        texts.push(text.slice(0, end) + counted + text.slice(end));
      }
    }
    return texts;
  }

  #add(kind: AnnotationKind, text: string): void {
    if (this.#texts.size < Annotations.#MAX) this.#texts.set(text, kind);
  }
}

function repairText(key: string, repair: Monotonicity): string {
  const [metric = '', place = ''] = key.split('\n');
  const { minBound, maxBound, maxDifference, firstMs, lastMs, samples } = repair;
  const difference = shortNumber(maxDifference, 2);
  return (
    'PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see ' +
    'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)' +
    `${metric}, from buckets ${printGeneral(minBound)} to ${printGeneral(maxBound)}, with a max diff of ${difference}, ` +
    `over ${samples} samples from ${rfc3339(firstMs)} to ${rfc3339(lastMs)} (${place})`
  );
}

/** Ends a text by the metric's name, if there is one. */
export function forMetric(name: string): string {
  return name === '' ? '' : ` for metric name ${quoteText(name)}`;
}

function shortNumber(value: number, digits: number): string {
  return printGeneral(Number(value.toPrecision(digits)));
}

function rfc3339(timeMs: number): string {
  return new Date(timeMs)
    .toISOString()
    .replace(/\.?0*Z$/, 'Z')
    .replace(/T(\d\d:\d\d)Z$/, 'T$1:00Z');
}
