/**
 * Reads the body of a push in protobuf: messages `io.prometheus.client.MetricFamily`, each after its
 * length, in slices.
 */
import { MAX_LINE_BYTES, MAX_NAME_BYTES, MAX_TEXT_BYTES } from '../../exposition/bounds.ts';
import type { FamilyType } from '../../exposition/grammar.ts';
import { type Label, printLabels, sortLabels } from '../labels.ts';
import { refuseCollisions } from '../page/collisions.ts';
import { type MetricMessage, readMetric } from '../page/metric-message.ts';
import {
  isCompound,
  type PushedFamily,
  type PushedMetric,
  type PushedPage,
} from '../pushed-page.ts';
import { PushRefusal, type PushRefusalCode } from '../refusal.ts';
import { badHistogram, type Complaint, complaintOf } from './check-values.ts';
import { Floats } from './growing-array.ts';
import { ProtobufCursor, ProtobufError } from './protobuf.ts';
import { type ReadOptions, tooManySeries } from './read-options.ts';

/** Bounds on a slice: a few milliseconds of work. */
const SLICE_METRICS = 1_024;
const SLICE_BYTES = 262_144;

/** Bound on the families of a body, as for scraped pages. */
const MAX_FAMILIES = 100_000;

/** By the numbers of `MetricType`. */
const TYPES: readonly FamilyType[] = [
  'counter',
  'gauge',
  'summary',
  'unknown',
  'histogram',
  'gaugehistogram',
];

/**
 * Reads a body in slices: between two slices the caller may do other work.
 *
 * @throws {PushRefusal | ProtobufError} if the body is refused
 */
export function* readProtobuf(
  bytes: Buffer,
  options: ReadOptions,
): Generator<void, PushedPage, void> {
  const reader = new ProtobufReader(bytes, options);
  while (!reader.ended) yield* reader.family();
  return yield* reader.page();
}

interface OpenFamily {
  name: string;
  help: string;
  unit: string;
  type: FamilyType;
  readonly metrics: MetricMessage[];
}

class ProtobufReader {
  readonly #cursor: ProtobufCursor;
  readonly #replaces: boolean;
  readonly #maxSeries: number;
  readonly #families = new Map<string, OpenFamily>();
  readonly #values = new Floats();
  #series = 0;
  #timestamps = 0;
  #sinceSlice = 0;
  #sliceFrom = 0;

  constructor(bytes: Buffer, { mode, maxSeries }: ReadOptions) {
    this.#cursor = new ProtobufCursor(bytes);
    this.#replaces = mode === 'replace';
    this.#maxSeries = maxSeries;
  }

  get ended(): boolean {
    return this.#cursor.at >= this.#cursor.end;
  }

  /** Reads one family. */
  *family(): Generator<void, void, void> {
    const cursor = this.#cursor;
    const family: OpenFamily = { name: '', help: '', unit: '', type: 'counter', metrics: [] };
    const outer = cursor.enterDelimited();
    while (cursor.next()) {
      if (cursor.field === 1) family.name = cursor.string(MAX_NAME_BYTES);
      else if (cursor.field === 2) family.help = cursor.string(MAX_TEXT_BYTES);
      else if (cursor.field === 3) family.type = typeOf(cursor.uint64());
      else if (cursor.field === 4) this.#metric(family);
      else if (cursor.field === 5) family.unit = cursor.string(MAX_TEXT_BYTES);
      else cursor.skip();
      if (this.#isSliceDone()) yield;
    }
    cursor.leave(outer);
    const { name } = family;
    if (name === '' || name.includes('\0')) throw new ProtobufError('a family has no valid name');
    if (this.#families.has(name) && !this.#replaces) {
      throw refusal('bad_body', name, 'occurs twice: a push may say each family once');
    }
    if (this.#families.size >= MAX_FAMILIES) throw new ProtobufError('there are too many families');
    this.#families.set(name, family); // Pushgateway takes the last one, too
    if (this.#isSliceDone()) yield;
  }

  #metric(family: OpenFamily): void {
    const cursor = this.#cursor;
    const outer = cursor.enter();
    if (cursor.end - cursor.at > MAX_LINE_BYTES) throw new ProtobufError('a metric is over 1 MiB');
    const metric = readMetric(cursor);
    cursor.leave(outer);
    if (metric.hasTimestamp) this.#timestamps++;
    this.#series += 1 + metric.bounded.length / 2;
    if (this.#series > this.#maxSeries) throw tooManySeries(this.#maxSeries);
    family.metrics.push(metric);
  }

  #isSliceDone(): boolean {
    const { at } = this.#cursor;
    if (++this.#sinceSlice < SLICE_METRICS && at - this.#sliceFrom < SLICE_BYTES) return false;
    this.#sinceSlice = 0;
    this.#sliceFrom = at;
    return true;
  }

  /** The page of all families, in slices. */
  *page(): Generator<void, PushedPage, void> {
    if (this.#replaces && this.#timestamps > 0) {
      throw new PushRefusal('timestamps', 'pushed metrics must not have timestamps');
    }
    const families: PushedFamily[] = [];
    for (const family of this.#families.values()) {
      const { name, type, help, unit } = family;
      const metrics: PushedMetric[] = [];
      const seen = new Set<string>();
      for (const message of family.metrics) {
        metrics.push(this.#pushed(family, message, seen));
        if (this.#isSliceDone()) yield;
      }
      if (metrics.length > 0)
        families.push({ name, type, help, unit, gaugeMode: undefined, metrics });
    }
    refuseCollisions(families);
    return { families, values: this.#values.take(), timestamps: this.#timestamps };
  }

  #pushed({ name, type }: OpenFamily, message: MetricMessage, seen: Set<string>): PushedMetric {
    const holds = type === 'gaugehistogram' ? 'histogram' : type;
    if (message.type !== holds) throw refusal('bad_body', name, `has a metric that is no ${type}`);
    if (message.native !== undefined && !this.#replaces) {
      const what =
        'is a native histogram, which cannot be added up: push buckets, or replace a group';
      throw refusal('native_histogram', name, what);
    }
    const labels = this.#labels(name, message);
    const key = printLabels(labels);
    if (seen.has(key)) {
      throw refusal('duplicate_series', name, `has the series {${key.slice(0, 200)}} twice`);
    }
    seen.add(key);
    const at = this.#values.length;
    const bounds = this.#addValues(name, type, message);
    if (!this.#replaces) {
      const complaint = complaintOf(type, name, bounds.length, at, this.#values.items);
      if (complaint !== undefined) throw complained(complaint, name);
    }
    return { labels, bounds, at, line: 0, native: message.native };
  }

  /** The labels, sorted. In aggregate mode an empty label is none, as for Prometheus. */
  #labels(name: string, { labels }: MetricMessage): readonly Label[] {
    const sorted = sortLabels(labels);
    for (let at = 1; at < sorted.length; at++) {
      if (sorted[at]![0] !== sorted[at - 1]![0]) continue;
      throw refusal('bad_body', name, `has a metric with two labels ${sorted[at]![0]}`);
    }
    return this.#replaces ? sorted : sorted.filter(([, value]) => value !== '');
  }

  /** Adds the run of a metric. @returns its bounds */
  #addValues(name: string, type: FamilyType, message: MetricMessage): readonly number[] {
    this.#values.push(message.count);
    if (!isCompound(type)) return [];
    const pairs: (readonly [bound: number, value: number])[] = [];
    for (let at = 0; at < message.bounded.length; at += 2) {
      pairs.push([message.bounded[at]! + 0, message.bounded[at + 1]!]); // -0 is 0
    }
    const infinite = type === 'summary' ? undefined : pairs.find(([bound]) => bound === Infinity);
    this.#checkTotals(name, type, message, infinite?.[1]);
    if (!message.hasCount && infinite !== undefined)
      this.#values.set(this.#values.length - 1, infinite[1]);
    this.#values.push(message.hasSum || this.#replaces ? message.sum : Number.NaN);
    const finite = pairs.filter(
      ([bound]) => !Number.isNaN(bound) && (type === 'summary' || bound !== Infinity),
    );
    finite.sort(([a], [b]) => a - b);
    const bounds: number[] = [];
    for (const [bound, value] of finite) {
      if (bounds.at(-1) === bound) {
        if (!this.#replaces)
          throw refusal('duplicate_series', name, `has the bound ${bound} twice`);
        this.#values.set(this.#values.length - 1, value);
      } else {
        bounds.push(bound);
        this.#values.push(value);
      }
    }
    return bounds;
  }

  #checkTotals(
    name: string,
    type: FamilyType,
    { hasCount, count, hasSum, sum, bounded }: MetricMessage,
    infinite: number | undefined,
  ): void {
    if (this.#replaces) return;
    for (let at = 0; at < bounded.length; at += 2) {
      if (Number.isNaN(bounded[at])) throw refusal('bad_body', name, 'has a bound that is NaN');
    }
    if (hasSum && Number.isNaN(sum)) throw refusal('bad_value', name, 'has a sum that is NaN');
    if (type === 'summary') return;
    if (!hasCount && infinite === undefined) {
      const complaint = badHistogram('it has neither a count nor a bucket with le="+Inf"');
      throw complained(complaint, name);
    }
    if (hasCount && infinite !== undefined && infinite !== count) {
      const complaint = badHistogram(`its bucket +Inf ${infinite} is not its count ${count}`);
      throw complained(complaint, name);
    }
  }
}

function typeOf(number: number): FamilyType {
  const type = TYPES[number];
  if (type === undefined) throw new ProtobufError('a family has an unknown type');
  return type;
}

function refusal(code: PushRefusalCode, family: string, what: string): PushRefusal {
  return new PushRefusal(code, `the family ${family} ${what}`);
}

function complained({ code, what }: Complaint, family: string): PushRefusal {
  return new PushRefusal(code, `the family ${family}: ${what}`);
}
