/**
 * The metrics of a body while the body is read: label sets as places in the body's bytes, found by
 * their hashes. Strings are made of the labels only when the whole body was read.
 *
 * A random seed keeps attackers from preparing labels with equal hashes. Equal hashes are not taken
 * for equal labels.
 */
import { randomBytes } from 'node:crypto';
import { type Body, sameBytes } from '../../exposition/body.ts';
import { unquote } from '../../exposition/escape.ts';
import { type Label, sortLabels } from '../labels.ts';
import { Integers } from './growing-array.ts';

const BACKSLASH = 92;
/** More labels are not sorted one by one, nor compared with the labels of the metric before. */
const FEW_LABELS = 24;
const SEED = randomBytes(4).readInt32LE();

/** Bodies have half as many metrics or less, so that the table of hashes mostly need not grow. */
const BYTES_PER_SLOT = 8;

/** Integers per metric, and what they are. */
const METRIC = 6;
const FAMILY = 0;
const LINE = 1;
/** How many of the metric's samples have a bound, `+Inf` not counted. */
const BOUNDED = 2;
const LAST_SAMPLE = 3;
const HASH = 4;
/** Where the metric's labels begin in `#places`; the next metric's begin is their end. */
const BEGIN = 5;

export class MetricTable {
  /** Whether `find` has added a metric. */
  added = false;
  size = 0;
  readonly #body: Body;
  readonly #keepsEmpty: boolean;
  readonly #metrics = new Integers();
  /** Per label four offsets, as `SeriesScanner` has them. */
  readonly #places = new Integers();
  #slots: Int32Array;
  /** For each place of a label in a metric, the label that stood there last. */
  readonly #last: { at: number; label: Label }[] = [];

  /** @param keepsEmpty - whether a label with an empty value counts */
  constructor(body: Body, keepsEmpty: boolean) {
    this.#body = body;
    this.#keepsEmpty = keepsEmpty;
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(64 + body.length / BYTES_PER_SLOT)));
  }

  /** The number of a metric's family. */
  familyOf(metric: number): number {
    return this.#metrics.at(metric * METRIC + FAMILY);
  }

  /** The line of a metric's first sample, from 1. */
  lineOf(metric: number): number {
    return this.#metrics.at(metric * METRIC + LINE);
  }

  /** How many samples with a bound a metric has, `+Inf` not counted. */
  boundedOf(metric: number): number {
    return this.#metrics.at(metric * METRIC + BOUNDED);
  }

  /** The number of a metric's last sample; -1 for none. */
  lastSampleOf(metric: number): number {
    return this.#metrics.at(metric * METRIC + LAST_SAMPLE);
  }

  /** Notes a further sample of a metric. @returns the sample before; -1 for none */
  addSample(metric: number, sample: number, bounded: boolean): number {
    const at = metric * METRIC;
    const before = this.#metrics.at(at + LAST_SAMPLE);
    this.#metrics.set(at + LAST_SAMPLE, sample);
    if (bounded) this.#metrics.set(at + BOUNDED, this.#metrics.at(at + BOUNDED) + 1);
    return before;
  }

  /**
   * The metric of a family that has these labels; a new metric if there is none.
   *
   * @param line - of the sample that has the labels
   * @param labels - offsets, four per label, up to `end`
   * @param without - the place in `labels` of a label that does not count; -1 for none
   */
  find(family: number, line: number, labels: Int32Array, end: number, without: number): number {
    const hash = this.#hash(family, labels, end, without);
    const metrics = this.#metrics;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let entry = this.#slots[slot]!; entry !== 0; entry = this.#slots[slot]!) {
      const at = (entry - 1) * METRIC;
      const may = metrics.at(at + HASH) === hash && metrics.at(at + FAMILY) === family;
      if (may && this.#isSame(entry - 1, labels, end, without)) {
        this.added = false;
        return entry - 1;
      }
      slot = (slot + 1) & mask;
    }
    this.added = true;
    const metric = this.size++;
    this.#slots[slot] = this.size;
    metrics.push(family);
    metrics.push(line);
    metrics.push(0);
    metrics.push(-1);
    metrics.push(hash);
    metrics.push(this.#places.length);
    for (let at = 0; at < end; at += 4) {
      if (!this.#counts(labels, at, without)) continue;
      for (let part = 0; part < 4; part++) this.#places.push(labels[at + part]!);
    }
    if (this.size * 2 > this.#slots.length) this.#grow();
    return metric;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 4);
    const mask = slots.length - 1;
    for (let metric = 0; metric < this.size; metric++) {
      let slot = this.#metrics.at(metric * METRIC + HASH) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = metric + 1;
    }
    this.#slots = slots;
  }

  #counts(labels: Int32Array, at: number, without: number): boolean {
    return at !== without && (this.#keepsEmpty || labels[at + 3]! - labels[at + 2]! > 2);
  }

  /** Does not depend on the order of the labels. */
  #hash(family: number, labels: Int32Array, end: number, without: number): number {
    const body = this.#body;
    let sum = family;
    for (let at = 0; at < end; at += 4) {
      if (!this.#counts(labels, at, without)) continue;
      const name = hashText(body, labels[at]!, labels[at + 1]!, SEED);
      sum = (sum + mixed(hashText(body, labels[at + 2]! + 1, labels[at + 3]! - 1, name))) | 0;
    }
    return mixed(sum ^ SEED);
  }

  #isSame(metric: number, labels: Int32Array, end: number, without: number): boolean {
    const from = this.#beginOf(metric);
    const to = this.#endOf(metric);
    let own = from;
    let inOrder = true;
    for (let at = 0; at < end && inOrder; at += 4) {
      if (!this.#counts(labels, at, without)) continue;
      inOrder =
        own < to &&
        this.#sameText(own, labels[at]!, labels[at + 1]!) &&
        this.#sameText(own + 2, labels[at + 2]!, labels[at + 3]!);
      own += 4;
    }
    return (inOrder && own === to) || this.#isSameSet(metric, labels, end, without);
  }

  #sameText(place: number, from: number, to: number): boolean {
    const { view } = this.#body;
    const ownFrom = this.#places.at(place);
    const length = to - from;
    return (
      this.#places.at(place + 1) - ownFrom === length &&
      sameBytes(view, ownFrom, view, from, length)
    );
  }

  #isSameSet(metric: number, labels: Int32Array, end: number, without: number): boolean {
    const others: Label[] = [];
    for (let at = 0; at < end; at += 4) {
      if (this.#counts(labels, at, without)) {
        others.push(this.#label(labels, at));
      }
    }
    return JSON.stringify(this.labelsOf(metric)) === JSON.stringify(sortLabels(others));
  }

  #beginOf(metric: number): number {
    return this.#metrics.at(metric * METRIC + BEGIN);
  }

  #endOf(metric: number): number {
    return metric + 1 < this.size ? this.#beginOf(metric + 1) : this.#places.length;
  }

  /** The labels of a metric, sorted by name. */
  labelsOf(metric: number): Label[] {
    const found: Label[] = [];
    const end = this.#endOf(metric);
    for (let at = this.#beginOf(metric); at < end; at += 4) {
      let place = found.length;
      if (place === FEW_LABELS) return this.#manyLabelsOf(metric);
      const label = this.#labelAt(at, place);
      while (place > 0 && found[place - 1]![0] > label[0]) place--;
      if (place === found.length) found.push(label);
      else found.splice(place, 0, label);
    }
    return found;
  }

  #manyLabelsOf(metric: number): Label[] {
    const found: Label[] = [];
    const end = this.#endOf(metric);
    for (let at = this.#beginOf(metric); at < end; at += 4)
      found.push(this.#label(this.#places.items, at));
    return sortLabels(found);
  }

  /** Metrics often share labels with the metric before: they then share the strings. */
  #labelAt(at: number, place: number): Label {
    const last = this.#last[place];
    if (
      last === undefined ||
      !this.#sameText(last.at, this.#places.at(at), this.#places.at(at + 1))
    ) {
      const label = this.#label(this.#places.items, at);
      this.#last[place] = { at, label };
      return label;
    }
    const from = this.#places.at(at + 2);
    const to = this.#places.at(at + 3);
    if (!this.#sameText(last.at + 2, from, to)) {
      last.label = [last.label[0], this.#text(from + 1, to - 1)];
      last.at = at;
    }
    return last.label;
  }

  /** @param places - four offsets per label */
  #label(places: Int32Array, at: number): Label {
    const name = this.#text(places[at]!, places[at + 1]!);
    return [name, this.#text(places[at + 2]! + 1, places[at + 3]! - 1)];
  }

  #text(from: number, to: number): string {
    return unquote(this.#body.bytes.toString('utf8', from, to));
  }
}

/** The hash of the text that the bytes stand for, with its escapes resolved. Reads four bytes at once. */
function hashText({ bytes, view }: Body, from: number, to: number, seed: number): number {
  let hash = seed;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    const word = view.getInt32(at, true);
    const marked = word ^ 0x5c5c_5c5c; // a zero byte where a backslash stands
    if (((marked - 0x0101_0101) & ~marked & 0x8080_8080) !== 0)
      return hashEscaped(bytes, from, to, seed);
    hash = Math.imul(hash ^ word, 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2_ae35); // makes each difference depend on the seed
  }
  for (; at < to; at++) {
    const byte = bytes[at]!;
    if (byte === BACKSLASH) return hashEscaped(bytes, from, to, seed);
    hash = Math.imul(hash ^ byte, 0x0100_0193);
  }
  return hash;
}

/** FNV-1a. A text with a backslash is never equal to a text without one. */
function hashEscaped(bytes: Buffer, from: number, to: number, seed: number): number {
  let hash = seed;
  for (const byte of Buffer.from(unquote(bytes.toString('utf8', from, to)))) {
    hash = Math.imul(hash ^ byte, 0x0100_0193);
  }
  return hash;
}

/** Spreads every bit over all others: the finalizer of MurmurHash3. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
