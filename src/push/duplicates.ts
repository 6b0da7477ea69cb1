/**
 * Finds series that a page would have twice: of two tenants, by the escaping of names, or since the
 * samples of a family without a common type have the names of another's. The first one stays.
 */
import { mayBeQuoted, ownLabelOf, printedLabels } from './page-labels.ts';
import type { PageFamily, PagePart, PageStyle } from './page-plan.ts';
import type { PageSample } from './page-samples.ts';
import type { LedgerMetric, MetricBlock } from './page-source.ts';
import { printBound } from './print-number.ts';

/** The labels of the metrics to leave out, as `LedgerMetric` has them, by part. */
export type LeftOut = ReadonlyMap<PagePart, ReadonlySet<string>>;

const NOTHING: LeftOut = new Map();
/** Metrics between two steps. */
const STEP = 2_048;
const OWN_LABEL = /(?:^|,)(?:le|quantile)="([^"\\]*)"/;

/** Remembers what it found, as long as no block has changed. */
export class Duplicates {
  /** Family -> the versions of its blocks, and what to leave out. */
  readonly #found = new Map<string, { readonly versions: Float64Array; readonly left: LeftOut }>();
  readonly #quoted = new WeakMap<MetricBlock, { readonly version: number; readonly is: boolean }>();

  /** Each step is short. */
  *of(family: PageFamily, style: PageStyle, page: string): Generator<void, LeftOut, void> {
    const isShared = family.parts.length > 1;
    if (!isShared && !(yield* this.#isQuoted(family, style))) return NOTHING;
    const key = `${page}\n${family.type}\n${family.name}`;
    const versions = versionsOf(family);
    const known = this.#found.get(key);
    if (known && isEqual(known.versions, versions)) return known.left;
    const left = yield* find(family, style);
    this.#found.delete(key);
    this.#found.set(key, { versions, left });
    if (this.#found.size > MAX_FOUND) this.#found.delete(this.#found.keys().next().value ?? '');
    return left;
  }

  /** Whether names of labels are escaped, so that labels may be equal only on the page. */
  *#isQuoted({ parts }: PageFamily, { escaping }: PageStyle): Generator<void, boolean, void> {
    if (escaping === 'allow-utf-8') return false;
    let metrics = 0;
    for (const { blocks } of parts) {
      for (const block of blocks) {
        const known = this.#quoted.get(block);
        const is =
          known?.version === block.version
            ? known.is
            : block.metrics.some(({ labels }) => mayBeQuoted(labels));
        if (known?.version !== block.version) {
          this.#quoted.set(block, { version: block.version, is });
          metrics += block.metrics.length;
        }
        if (is) return true;
        if (metrics < STEP) continue;
        metrics = 0;
        yield;
      }
    }
    return false;
  }
}

/** Families of which the page remembers what to leave out. */
const MAX_FOUND = 10_000;

function versionsOf({ parts }: PageFamily): Float64Array {
  return Float64Array.from(parts.flatMap(({ blocks }) => blocks.map(({ version }) => version)));
}

function isEqual(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((version, at) => version === b[at]);
}

function* find({ parts }: PageFamily, style: PageStyle): Generator<void, LeftOut, void> {
  const left = new Map<PagePart, Set<string>>();
  const hasValues = parts.some(isOfValues);
  const claims = new Claims(style, hasValues && !parts.every(isOfValues));
  let metrics = 0;
  for (const part of parts.toSorted(compoundFirst)) {
    const own = ownLabelOf(part.samples);
    for (const { metrics: all } of part.blocks) {
      for (const metric of all) {
        if (++metrics % STEP === 0) yield;
        const labels = printedLabels(metric.labels, style.escaping, own);
        if (claims.claim(part, labels, metric)) continue;
        const set = left.get(part);
        if (set) set.add(metric.labels);
        else left.set(part, new Set([metric.labels]));
      }
    }
  }
  return left.size === 0 ? NOTHING : left;
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
