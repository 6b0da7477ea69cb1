/**
 * Which series a remote gets: what each was worth when it was sent last, whether it has gone, and
 * which are put aside.
 *
 * Labels are made once per series, and share their texts with other series.
 */
import type { Label } from '../labels.ts';
import type { Relabel } from './relabel.ts';
import {
  type BadLabels,
  type BatchSample,
  type FlatLabels,
  flattenLabels,
  hashLabels,
} from './remote-write-batch.ts';
import type { Series, SeriesFamily } from './series.ts';

/** Why a series is not sent. */
export const SKIP_CAUSES = ['no_name', 'bad_name', 'duplicate', 'put_aside'] as const;

export type SkipCause = (typeof SKIP_CAUSES)[number];

export interface TrackedSeries {
  readonly labels: FlatLabels;
  readonly hash: number;
  family: SeriesFamily;
  createdMs: number;
  value: number;
  /** The time of its last sample; 0 for none. */
  sentMs: number;
  /** The last round that had the series. */
  round: number;
  /** Not sent until then, since the receiver refuses it. */
  asideUntilMs: number;
  /** How often the receiver has refused it of late. */
  strikes: number;
  /** Whether another series has the same labels, and came first. */
  isDuplicate: boolean;
}

/** A series that is never sent: its labels cannot be, or a rule drops it. */
interface Unsent {
  readonly cause: BadLabels | undefined;
  round: number;
}

export interface SeriesRulesOptions {
  readonly relabel: Relabel;
  /** An unchanged series is sent again when its last sample is so old. */
  readonly resendMs: number;
  readonly onSkipped: (cause: SkipCause) => void;
}

/** How long a series is put aside at first, and at most. */
const ASIDE_MS = 5 * 60_000;
const MAX_ASIDE_MS = 60 * 60_000;
/** The bound on texts that series share, for each series. */
const TEXTS_PER_SERIES = 4;
/** How many series are looked at between two pauses that a caller may make. */
const STRIDE = 256;

export class SeriesTracker {
  readonly #options: SeriesRulesOptions;
  readonly #known = new Map<string, TrackedSeries | Unsent>();
  /** The series that is sent with these labels. */
  readonly #owners = new Map<string, TrackedSeries>();
  readonly #texts = new Map<string, string>();

  constructor(options: SeriesRulesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#known.size;
  }

  /** @returns the series, if a sample of it is to be sent with the time `atMs` */
  note(series: Series, round: number, atMs: number): TrackedSeries | undefined {
    const known = this.#known.get(series.key) ?? this.#begin(series);
    known.round = round;
    const { onSkipped, resendMs } = this.#options;
    if (!('labels' in known)) {
      if (known.cause) onSkipped(known.cause);
      return undefined;
    }
    if (known.isDuplicate) known.isDuplicate = !this.#own(known);
    const cause = known.isDuplicate ? 'duplicate' : known.asideUntilMs > atMs && 'put_aside';
    if (cause) {
      onSkipped(cause);
      return undefined;
    }
    const isUnchanged = Object.is(known.value, series.value) && known.sentMs > 0;
    if (isUnchanged && atMs - known.sentMs < resendMs) return undefined;
    known.value = series.value;
    known.createdMs = series.createdMs;
    known.family = series.family;
    known.sentMs = atMs;
    return known;
  }

  /**
   * Forgets the series that `round` did not have.
   *
   * @returns those of them that were sent; undefined now and then, so that the caller may pause
   */
  *sweep(round: number, atMs: number): Generator<TrackedSeries | undefined> {
    let looked = 0;
    for (const [key, known] of this.#known) {
      if (++looked % STRIDE === 0) yield undefined;
      if (known.round === round) continue;
      this.#known.delete(key);
      if (!('labels' in known) || known.isDuplicate) continue;
      this.#owners.delete(textOf(known.labels));
      if (known.sentMs > 0 && known.asideUntilMs <= atMs) yield known;
    }
    if (this.#texts.size > TEXTS_PER_SERIES * this.#known.size + 1000) this.#texts.clear();
  }

  /** Forgets all: another process may have written other samples meanwhile. */
  clear(): void {
    this.#known.clear();
    this.#owners.clear();
    this.#texts.clear();
  }

  /**
   * Puts a series aside that the receiver refuses again and again, for longer each time: no series
   * costs the others more than a few requests.
   */
  putAside({ labels }: Pick<BatchSample, 'labels'>, nowMs: number): void {
    const series = this.#owners.get(textOf(labels));
    if (!series) return;
    if (nowMs - series.asideUntilMs > MAX_ASIDE_MS) series.strikes = 0;
    series.strikes += 1;
    const asideMs = series.strikes === 1 ? 0 : ASIDE_MS * 2 ** (series.strikes - 2);
    series.asideUntilMs = nowMs + Math.min(asideMs, MAX_ASIDE_MS);
  }

  #begin(series: Series): TrackedSeries | Unsent {
    const known = this.#make(series);
    this.#known.set(series.key, known);
    return known;
  }

  #make(series: Series): TrackedSeries | Unsent {
    const labels = this.#options.relabel(series.labels());
    if (labels === undefined) return { cause: undefined, round: 0 };
    const flat = flattenLabels(labels.map(([name, value]): Label => [name, this.#share(value)]));
    if (typeof flat === 'string') return { cause: flat, round: 0 };
    const made: TrackedSeries = {
      ...{ labels: flat, hash: hashLabels(flat), family: series.family, createdMs: 0, value: 0 },
      ...{ sentMs: 0, round: 0, asideUntilMs: 0, strikes: 0, isDuplicate: false },
    };
    made.isDuplicate = !this.#own(made);
    return made;
  }

  /** Whether no other series has the labels of this one. */
  #own(series: TrackedSeries): boolean {
    const text = textOf(series.labels);
    if (this.#owners.has(text)) return false;
    this.#owners.set(text, series);
    return true;
  }

  #share(text: string): string {
    const shared = this.#texts.get(text);
    if (shared !== undefined) return shared;
    this.#texts.set(text, text);
    return text;
  }
}

/** Values may have any character, but names have no line feed: different labels differ. */
function textOf(labels: FlatLabels): string {
  return labels.map((text, at) => (at % 2 === 0 ? text : `${text.length}:${text}`)).join('\n');
}
