/**
 * Puts metrics together from the samples of a body: the samples of a histogram or a summary become
 * one run of values, and metrics are put in the order of their families.
 */
import type { FamilyType } from '../../exposition/grammar.ts';
import { refuseCollisions } from '../page/collisions.ts';
import type { PushMode } from '../push.ts';
import {
  isCompound,
  type PushedFamily,
  type PushedMetric,
  type PushedPage,
  weightOf,
} from '../pushed-page.ts';
import { PushRefusal } from '../refusal.ts';
import type { BodyFamily } from './body-families.ts';
import type { BodyLines } from './body-lines.ts';
import { BOUNDED, type BodySamples, COUNT, INFINITE } from './body-samples.ts';
import { badHistogram, type Complaint, complaintOf } from './check-values.ts';

/** Bounds on a slice, in labels, and in metrics of which only numbers are read: a few milliseconds. */
const SLICE_LABELS = 4_096;
const SLICE_METRICS = 65_536;

/** Bound on the bounds of one metric, which are sorted in one go. */
const MAX_BOUNDS = 16_384;

/** The place of a sample that counts for nothing. */
export const NOWHERE = -1;
/** The place of a sample that must have the value of place `p` is `EQUALS - p`. */
export const EQUALS = -2;

export interface Assembled {
  readonly page: PushedPage;
  /** Per sample of the body: its place in `page.values`, or `NOWHERE`, or `EQUALS - place`. */
  readonly places: Int32Array;
}

/**
 * Puts a page together, in slices.
 *
 * @throws {PushRefusal} if a metric is refused
 */
export function* assemble(lines: BodyLines, mode: PushMode): Generator<void, Assembled, void> {
  const { metrics } = lines;
  const { order, length } = yield* inFamilies(lines);
  const assembler = new Assembler(lines, mode, length);
  const families: PushedFamily[] = [];
  let next = 0;
  let labels = 0;
  for (const family of lines.families.families) {
    const own: PushedMetric[] = [];
    for (; next < order.length && metrics.familyOf(order[next]!) === family.number; next++) {
      const metric = assembler.metric(family, order[next]!);
      own.push(metric);
      labels += 2 + weightOf(metric);
      if (labels < SLICE_LABELS) continue;
      labels = 0;
      yield;
    }
    if (own.length > 0) families.push(pushedFamily(family, own, lines));
  }
  refuseCollisions(families);
  const page = { families, values: assembler.takeValues(), timestamps: lines.timestamps };
  return { page, places: assembler.places };
}

function pushedFamily(
  { name, declared }: BodyFamily,
  metrics: readonly PushedMetric[],
  { families }: BodyLines,
): PushedFamily {
  const { type = 'unknown', help = '', unit = '' } = declared;
  return { name, type, help, unit, gaugeMode: families.gaugeModes.get(name), metrics };
}

interface Order {
  /** The numbers of the metrics: in the order of their families, then of their first samples. */
  readonly order: Int32Array;
  /** How many values the metrics have at most. */
  readonly length: number;
}

function* inFamilies({ families, metrics }: BodyLines): Generator<void, Order, void> {
  const compound = families.families.map(({ declared }) => isCompound(declared.type ?? 'unknown'));
  const starts = new Int32Array(compound.length + 1);
  let length = 0;
  for (let metric = 0; metric < metrics.size; metric++) {
    const family = metrics.familyOf(metric);
    starts[family + 1]! += 1;
    length += compound[family] === true ? 2 + metrics.boundedOf(metric) : 1;
    if (metric % SLICE_METRICS === SLICE_METRICS - 1) yield;
  }
  for (let family = 1; family < starts.length; family++) starts[family]! += starts[family - 1]!;
  const order = new Int32Array(metrics.size);
  for (let metric = 0; metric < metrics.size; metric++) {
    order[starts[metrics.familyOf(metric)]!++] = metric;
    if (metric % SLICE_METRICS === SLICE_METRICS - 1) yield;
  }
  return { order, length };
}

class Assembler {
  readonly places: Int32Array;
  readonly #lines: BodyLines;
  readonly #replaces: boolean;
  readonly #values: Float64Array;
  #length = 0;
  /** The bounds of the metric before: metrics of one family mostly share them. */
  #bounds: readonly number[] = [];

  constructor(lines: BodyLines, mode: PushMode, length: number) {
    this.#lines = lines;
    this.#replaces = mode === 'replace';
    this.places = new Int32Array(lines.samples.length).fill(NOWHERE);
    this.#values = new Float64Array(length);
  }

  /** The values of all metrics so far. */
  takeValues(): Float64Array {
    const values = this.#values;
    return this.#length === values.length ? values : values.slice(0, this.#length);
  }

  metric(family: BodyFamily, metric: number): PushedMetric {
    const { metrics, samples } = this.#lines;
    const type = family.declared.type ?? 'unknown';
    const at = this.#length;
    const line = metrics.lineOf(metric);
    let bounds: readonly number[] = [];
    if (isCompound(type)) bounds = this.#compound(type, metric, line);
    else {
      const sample = metrics.lastSampleOf(metric);
      this.places[sample] = at;
      this.#values[at] = samples.valueOf(sample);
      this.#length += 1;
    }
    if (!this.#replaces) {
      const complaint = complaintOf(type, family.name, bounds.length, at, this.#values);
      if (complaint !== undefined) throw refusal(complaint, line);
    }
    return { labels: metrics.labelsOf(metric), bounds, at, line };
  }

  /** Writes the run of a histogram or a summary. @returns the bounds */
  #compound(type: FamilyType, metric: number, line: number): readonly number[] {
    const { samples, metrics } = this.#lines;
    const at = this.#length;
    const found = [-1, -1, -1]; // the samples of count, sum and `+Inf`
    const bounded: number[] = [];
    let sample = metrics.lastSampleOf(metric);
    for (; sample >= 0; sample = samples.before(sample)) {
      const kind = samples.kindOf(sample);
      if (kind === BOUNDED) bounded.push(sample);
      else {
        const place = kind === INFINITE ? 2 : kind - COUNT;
        if (found[place] === -1) found[place] = sample;
        else this.#refuseTwice(line);
      }
    }
    const [count, sum, infinite] = found as [number, number, number]; // three from the start
    this.#total(at, count, infinite, type, line);
    if (sum < 0) this.#values[at + 1] = this.#replaces ? 0 : Number.NaN;
    else this.#put(sum, at + 1);
    if (sum >= 0 && !this.#replaces && Number.isNaN(this.#values[at + 1])) {
      throw refusal({ code: 'bad_value', what: 'the sum must not be NaN' }, line);
    }
    const bounds = this.#putBounded(bounded.reverse(), at + 2, line);
    this.#length = at + 2 + bounds.length;
    return bounds;
  }

  /** Writes the count, of which the bucket `+Inf` is a second one. */
  #total(at: number, count: number, infinite: number, type: FamilyType, line: number): void {
    if (count >= 0) this.#put(count, at);
    else if (infinite >= 0) this.#put(infinite, at);
    else if (type !== 'summary' && !this.#replaces) {
      throw refusal(badHistogram('it has neither a count nor a bucket with le="+Inf"'), line);
    }
    if (count < 0 || infinite < 0 || this.#replaces) return;
    this.places[infinite] = EQUALS - at;
    const other = this.#lines.samples.valueOf(infinite);
    if (this.#values[at] === other) return;
    const what = `its bucket +Inf ${other} is not its count ${this.#values[at]}`;
    throw refusal(badHistogram(what), line);
  }

  /** Writes buckets or quantiles in the order of their bounds. @returns the bounds */
  #putBounded(bounded: number[], at: number, line: number): readonly number[] {
    const { samples } = this.#lines;
    if (bounded.length > MAX_BOUNDS) {
      const what = `the metric has more than ${MAX_BOUNDS} buckets or quantiles`;
      throw refusal({ code: 'too_large', what }, line);
    }
    if (!isAscending(bounded, samples))
      bounded.sort((a, b) => samples.boundOf(a) - samples.boundOf(b) || a - b);
    const bounds: number[] = [];
    let before = -1;
    for (const sample of bounded) {
      const bound = samples.boundOf(sample);
      if (before >= 0 && samples.boundOf(before) === bound) {
        // Pushgateway prints the series twice; here the last sample counts.
        this.#refuseTwice(line);
        this.places[before] = NOWHERE;
      } else bounds.push(bound);
      this.#put(sample, at + bounds.length - 1);
      before = sample;
    }
    if (!isEqual(bounds, this.#bounds)) this.#bounds = bounds;
    return this.#bounds;
  }

  #put(sample: number, at: number): void {
    this.places[sample] = at;
    this.#values[at] = this.#lines.samples.valueOf(sample);
  }

  #refuseTwice(line: number): void {
    if (this.#replaces) return;
    const what = 'a series of this metric occurs twice: a push may say each series once';
    throw refusal({ code: 'duplicate_series', what }, line);
  }
}

function isAscending(bounded: readonly number[], samples: BodySamples): boolean {
  for (let i = 1; i < bounded.length; i++) {
    if (!(samples.boundOf(bounded[i - 1]!) < samples.boundOf(bounded[i]!))) return false;
  }
  return true;
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((bound, at) => bound === b[at]);
}

/** @param line - of the metric's first sample; 0 for formats without lines */
function refusal({ code, what }: Complaint, line: number): PushRefusal {
  return new PushRefusal(code, line === 0 ? what : `line ${line}: ${what}`);
}
