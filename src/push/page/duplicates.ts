/**
 * Finds series that a page would have twice: of two tenants, by the escaping of names, or since the
 * samples of a family without a common type have the names of another's. The first one stays.
 */

import type { LedgerMetric, MetricBlock } from '../page-source.ts';
import { mayBeQuoted, ownLabelOf, printedLabels } from './page-labels.ts';
import type { PageFamily, PagePart, PageStyle } from './page-plan.ts';
import { kindBits, type PageSample } from './page-samples.ts';
import { printBound } from './print-number.ts';

/** The labels of the metrics to leave out, as `LedgerMetric` has them, by part. */
export type LeftOut = ReadonlyMap<PagePart, ReadonlySet<string>>;

const NOTHING: LeftOut = new Map();
/** Metrics between two steps. */
const STEP = 2_048;
const OWN_LABEL = /(?:^|,)(?:le|quantile)="([^"\\]*)"/;

/** What one family leaves out: a set for each part that leaves out any. */
type Sets = readonly (ReadonlySet<string> | undefined)[];

/** Remembers what it found, as long as no block has changed. */
export class Duplicates {
  /** Family -> its parts and the versions of its blocks, and what to leave out. */
  readonly #found = new Map<string, { readonly state: Float64Array; readonly sets: Sets }>();
  #numbers = 0;
  readonly #scans = new WeakMap<MetricBlock, Scan>();

  /** Each step is short. */
  *of(family: PageFamily, style: PageStyle, page: string): Generator<void, LeftOut, void> {
    const isShared = family.parts.length + family.beside.length > 1;
    if (!isShared && !(yield* this.#isDoubtful(family, style))) return NOTHING;
    const key = `${page}\n${family.type}\n${family.name}`;
    const state = stateOf(family);
    const known = this.#found.get(key);
    if (known && isEqual(known.state, state)) return leftOut(family, known.sets);
    const sets = yield* find(family, style);
    this.#forget(key);
    this.#found.set(key, { state, sets });
    this.#numbers += state.length;
    for (const [other] of this.#found) {
      if (this.#numbers <= MAX_NUMBERS) break;
      this.#forget(other);
    }
    return leftOut(family, sets);
  }

  #forget(key: string): void {
    this.#numbers -= this.#found.get(key)?.state.length ?? 0;
    this.#found.delete(key);
  }

  /**
   * Whether labels that differ in the ledger may be equal for a reader: by the escaping of names, or
   * since readers take a label without a value for a label that is not there.
   */
  *#isDoubtful({ parts }: PageFamily, { escaping }: PageStyle): Generator<void, boolean, void> {
    let hasEmpty = false;
    let hasFull = false;
    let metrics = 0;
    for (const { blocks } of parts) {
      for (const block of blocks) {
        const known = this.#scans.get(block);
        const scan = scanOf(block, known);
        if (scan !== known) {
          this.#scans.set(block, scan);
          metrics += block.metrics.length;
        }
        hasEmpty ||= scan.hasEmpty;
        hasFull ||= scan.hasFull;
        if (hasEmpty && hasFull) return true;
        if (scan.hasQuoted && escaping !== 'allow-utf-8') return true;
        if (metrics < STEP) continue;
        metrics = 0;
        yield;
      }
    }
    return false;
  }
}

/** Which labels the metrics of a block have. */
interface Scan {
  version: number;
  readonly metrics: readonly LedgerMetric[];
  /** A label with a name in quotes. */
  readonly hasQuoted: boolean;
  /** A metric that has a label without a value. */
  readonly hasEmpty: boolean;
  /** A metric whose labels all have values. */
  readonly hasFull: boolean;
}

/** @returns `known` if the block has the metrics that it had then */
function scanOf({ version, metrics }: MetricBlock, known: Scan | undefined): Scan {
  if (known?.version === version) return known;
  const { length } = metrics;
  if (known?.metrics.length === length && known.metrics.every((one, at) => one === metrics[at])) {
    known.version = version;
    return known;
  }
  let empty = 0;
  let hasQuoted = false;
  for (const { labels } of metrics) {
    if (labels.includes(EMPTY)) empty++;
    hasQuoted ||= mayBeQuoted(labels);
  }
  const copy = [...metrics];
  return { version, metrics: copy, hasQuoted, hasEmpty: empty > 0, hasFull: empty < length };
}

/** In a text of labels, only a label without a value has this. */
const EMPTY = '=""';
const EMPTY_LABELS = /(?:^|,)(?:\w+|"(?:[^"\\]|\\.)*")=""/gs;

function withoutEmpty(labels: string): string {
  return labels.includes(EMPTY) ? labels.replace(EMPTY_LABELS, '').replace(/^,/, '') : labels;
}

/** Bound on what is remembered, in numbers of 8 bytes. */
const MAX_NUMBERS = 1_000_000;

function stateOf({ parts, beside }: PageFamily): Float64Array {
  const numbers: number[] = [];
  for (const { samples, blocks } of [...beside, ...parts]) {
    numbers.push(kindBits(samples), blocks.length);
    for (const { version } of blocks) numbers.push(version);
  }
  return Float64Array.from(numbers);
}

function isEqual(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((version, at) => version === b[at]);
}

function leftOut({ parts }: PageFamily, sets: Sets): LeftOut {
  if (sets.length === 0) return NOTHING;
  const left = new Map<PagePart, ReadonlySet<string>>();
  parts.forEach((part, at) => {
    const set = sets[at];
    if (set) left.set(part, set);
  });
  return left;
}

/** @returns an empty list if nothing is to be left out */
function* find({ parts, beside }: PageFamily, style: PageStyle): Generator<void, Sets, void> {
  const sets: (Set<string> | undefined)[] = [];
  const all = [...beside, ...parts.toSorted(compoundFirst)];
  const claims = new Claims(style, all.some(isOfValues) && !all.every(isOfValues));
  const places = new Map(parts.map((part, at) => [part, at]));
  let metrics = 0;
  for (const part of all) {
    const own = ownLabelOf(part.samples);
    const at = places.get(part);
    for (const block of part.blocks) {
      for (const metric of block.metrics) {
        if (++metrics % STEP === 0) yield;
        const labels = withoutEmpty(printedLabels(metric.labels, style.escaping, own));
        if (claims.claim(part, labels, metric) || at === undefined) continue;
        const set = sets[at] ?? new Set();
        sets[at] = set.add(metric.labels);
      }
    }
  }
  return sets;
}

/** Histograms and summaries stay whole: single samples give way. */
function compoundFirst(a: PagePart, b: PagePart): number {
  return Number(isOfValues(a)) - Number(isOfValues(b)) || b.samples.length - a.samples.length;
}

function isOfValues({ samples }: PagePart): boolean {
  return samples.some(({ kind }) => kind === 'value');
}

/** The series of one family that are on the page so far. */
class Claims {
  readonly #style: PageStyle;
  /** Whether single samples, such as `h_bucket{le="1"}`, stand beside histograms. */
  readonly #isMixed: boolean;
  /** Name -> labels, without `le` and `quantile` of histograms and summaries. */
  readonly #labels = new Map<string, Set<string>>();
  /** Name and labels -> the values of `le` or `quantile`. */
  readonly #bounds = new Map<string, ReadonlySet<string>>();

  constructor(style: PageStyle, isMixed: boolean) {
    this.#style = style;
    this.#isMixed = isMixed;
  }

  /** @returns false if one of the metric's samples is on the page already */
  claim({ samples }: PagePart, labels: string, metric: LedgerMetric): boolean {
    for (const sample of samples) {
      if (this.#labels.get(rowName(sample))?.has(labels)) return false;
      if (this.#isMixed && this.#isBound(sample, labels)) return false;
    }
    for (const sample of samples) {
      const name = rowName(sample);
      const set = this.#labels.get(name);
      if (set) set.add(labels);
      else this.#labels.set(name, new Set([labels]));
      if (this.#isMixed && isRow(sample)) this.#addBounds(sample, labels, metric);
    }
    return true;
  }

  #addBounds({ name }: PageSample, labels: string, metric: LedgerMetric): void {
    const { format } = this.#style;
    const bounds = metric.current().bounds.map((bound) => printBound(bound, format));
    this.#bounds.set(`${name}{${labels}`, new Set([...bounds, '+Inf']));
  }

  /** Whether a single sample is one of a histogram or a summary that is on the page. */
  #isBound({ name, kind }: PageSample, labels: string): boolean {
    if (kind !== 'value') return false;
    const [all = '', bound = ''] = OWN_LABEL.exec(labels) ?? [];
    const rest = labels.replace(all, '').replace(/^,/, '');
    return all !== '' && this.#bounds.get(`${name}{${rest}`)?.has(bound) === true;
  }
}

/** Samples that the format tells apart by `le` or `quantile`. */
function isRow({ kind }: PageSample): boolean {
  return kind === 'buckets' || kind === 'quantiles';
}

/** No sample is called like a row, which has labels beside those of the metric. */
function rowName(sample: PageSample): string {
  return isRow(sample) ? `${sample.name}\n` : sample.name;
}
