/**
 * Reads the series of all selectors of a query, each selector once and all of them at the same time.
 */
import type { Expression, VectorSelector } from '../tree.ts';
import { type Budget, LABELS_WORK } from './budget.ts';
import { type Grid, timeAt } from './columns.ts';
import { durationMs } from './duration.ts';
import { EvaluationError } from './failure.ts';
import type { Histogram } from './histogram.ts';
import { detectsReset } from './histogram-arithmetic.ts';
import { type Labels, type LabelTable, labelValue, METRIC_NAME } from './labels.ts';
import type { RangeSeries } from './samples.ts';
import type { Settings } from './settings.ts';
import { isStale, wordsOf } from './stale.ts';
import type { Matcher, SampleCounter, SelectHints, SeriesBlock, TimeRange } from './storage.ts';
import { isInvariant, onlyFirstStep, referenceMs, subqueryGrid } from './times.ts';

/** One series as the storage gave it. */
export interface LoadedSeries {
  readonly labels: Labels;
  readonly block: SeriesBlock;
  /** Whether a sample is the stale marker, by its index; undefined if none is. */
  readonly stale: Uint8Array | undefined;
}

/** What a selector will be asked for. */
export interface Wanted {
  readonly selector: VectorSelector;
  readonly range: TimeRange;
  readonly hints: SelectHints;
  /** Only the count and the sum of histograms are read, so resets are told by the hints. */
  readonly statsOnly: boolean;
}

/** The selectors of an expression, and which samples of each are read. */
export function wantedBy(
  root: Expression,
  grid: Grid,
  query: string,
  settings: Settings,
): Wanted[] {
  const wanted: Wanted[] = [];
  const add = (selector: VectorSelector, over: Grid, rangeMs: number, reader: Reader) => {
    if (over.steps === 0) return;
    const offsetMs = durationMs(selector.offset, 'offset', query, settings);
    const at = (step: number) => referenceMs(timeAt(over, step), selector.at, offsetMs, settings);
    const { lookbackMs } = settings;
    const before = rangeMs === 0 || selector.bounds !== 'plain' ? rangeMs + lookbackMs : rangeMs;
    const after = selector.bounds === 'smoothed' ? lookbackMs : 0;
    const range = { afterMs: at(0) - before, untilMs: at(over.steps - 1) + after };
    const stepMs = over.steps === 1 ? 0 : over.stepMs;
    const hints = { function: reader.function, stepMs, rangeMs };
    wanted.push({ selector, range, hints, statsOnly: reader.statsOnly });
  };
  const visit = (node: Expression, outer: Grid, reader: Reader): void => {
    const over = isInvariant(node) ? onlyFirstStep(outer) : outer;
    if (node.kind === 'vector-selector') add(node, over, 0, reader);
    else if (node.kind === 'range-selector') {
      add(node.selector, over, durationMs(node.range, 'range', query, settings), reader);
    } else if (node.kind === 'subquery') {
      visit(node.expr, subqueryGrid(node, over, query, settings), NOBODY);
    } else if (node.kind === 'call') {
      for (const [place, arg] of node.args.entries()) {
        // The second argument of `info` is no expression but a choice of labels.
        if (node.name !== 'info' || place === 0) visit(arg, over, readerOf(node.name, reader));
      }
    } else if (node.kind === 'aggregation') {
      if (node.param !== undefined) visit(node.param, over, NOBODY);
      visit(node.expr, over, { ...reader, function: node.op });
    } else if (node.kind === 'binary') {
      visit(node.left, over, reader);
      visit(node.right, over, reader);
    } else if (node.kind === 'parenthesized' || node.kind === 'unary') {
      visit(node.expr, over, reader);
    }
  };
  visit(root, grid, NOBODY);
  return wanted;
}

/** Who reads a selector. */
interface Reader {
  readonly function: string;
  readonly statsOnly: boolean;
  /** A function that needs all buckets reads the selector as well. */
  readonly needsBuckets?: boolean;
}

const NOBODY: Reader = { function: '', statsOnly: false };

function readerOf(name: string, reader: Reader): Reader {
  const full = ['histogram_quantile', 'histogram_quantiles', 'histogram_fraction'].includes(name);
  const needsBuckets = full || reader.needsBuckets === true;
  const stats = ['histogram_count', 'histogram_sum', 'histogram_avg'].includes(name);
  return { function: name, needsBuckets, statsOnly: !needsBuckets && (stats || reader.statsOnly) };
}

/** What loading needs of the evaluation. */
export interface Loader {
  readonly settings: Settings;
  readonly labels: LabelTable;
  readonly budget: Budget;
  readonly signal: AbortSignal | undefined;
}

/** Asks the storage for the series of some matchers. */
export async function loadSeries(wanted: Asked, loader: Loader): Promise<readonly LoadedSeries[]> {
  const { labels, budget } = loader;
  const blocks = await selectBlocks(wanted, loader);
  const loaded: LoadedSeries[] = [];
  for (const block of blocks) {
    budget.loadWeight(weightBesideSamples(block));
    const stale = staleSamples(block);
    const hinted = wanted.statsOnly && block.histograms !== undefined;
    loaded.push({
      labels: labels.of(block.labels),
      block: hinted ? withResetHints(block, stale) : block,
      stale,
    });
    if (budget.turnIsOver(block.timesMs.length + 2 * LABELS_WORK)) await budget.giveTurn();
  }
  return loaded;
}

/** What is asked of the storage. */
type Asked = Omit<Wanted, 'selector'> & { readonly matchers: readonly Matcher[] };

/**
 * The storage's answer.
 *
 * Samples are counted as they arrive. At the limit, and when the evaluation's signal is aborted, the storage is told by its
 * signal, and nobody waits for it any more.
 */
async function selectBlocks(
  { matchers, range, hints }: Asked,
  { settings, budget, signal }: Loader,
): Promise<readonly SeriesBlock[]> {
  const stop = new AbortController();
  const ended = Promise.withResolvers<never>();
  // Nobody may be waiting when the signal comes.
  ended.promise.catch(() => undefined);
  const onAbort = () => {
    stop.abort(signal?.reason);
    try {
      budget.check();
    } catch (error) {
      ended.reject(error);
    }
  };
  let counted = 0;
  const count: SampleCounter = (samples) => {
    counted += samples;
    try {
      budget.load(samples);
    } catch (error) {
      ended.reject(error);
      stop.abort(error);
      throw error;
    }
  };
  signal?.addEventListener('abort', onAbort);
  try {
    const answer = settings.storage.select(matchers, range, hints, stop.signal, count);
    const blocks = await Promise.race([answer, ended.promise]);
    let samples = 0;
    for (const { timesMs } of blocks) samples += timesMs.length;
    if (samples > counted) budget.load(samples - counted);
    return blocks;
  } catch (cause) {
    if (cause instanceof EvaluationError) throw cause;
    budget.check();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EvaluationError(`expanding series: ${reason}`, 'execution', { cause });
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The bytes that a sample takes, its time and its value. */
const SAMPLE_BYTES = 16;
/** The bytes that a series takes beside its samples and the text of its labels. */
const SERIES_BYTES = 96;
const HISTOGRAM_BYTES = 256;
const BUCKET_BYTES = 16;

/** How many samples weigh as much as the rest of a series: labels and the buckets of histograms. */
function weightBesideSamples({ labels, histograms }: SeriesBlock): number {
  let bytes = SERIES_BYTES;
  for (const [name, value] of labels) bytes += 2 * (name.length + value.length);
  for (const one of histograms ?? []) {
    if (one === undefined) continue;
    const buckets = one.positive.counts.length + one.negative.counts.length;
    bytes += HISTOGRAM_BYTES + BUCKET_BYTES * (buckets + one.customValues.length);
  }
  return Math.ceil(bytes / SAMPLE_BYTES);
}

function staleSamples({ values }: SeriesBlock): Uint8Array | undefined {
  let words: Uint32Array | undefined;
  let stale: Uint8Array | undefined;
  for (let at = 0; at < values.length; at++) {
    // The marker is a NaN; whether one is the marker, only its bits tell.
    if (!Number.isNaN(values[at] as number)) continue;
    words ??= wordsOf(values);
    if (!isStale(words, at)) continue;
    stale ??= new Uint8Array(values.length);
    stale[at] = 1;
  }
  return stale;
}

/** The same samples; each histogram that does not say whether its counter was reset now says so. */
function withResetHints(block: SeriesBlock, stale: Uint8Array | undefined): SeriesBlock {
  const histograms: (Histogram | undefined)[] = [];
  let previous: Histogram | undefined;
  block.histograms?.forEach((histogram, at) => {
    if (histogram === undefined) {
      if (stale?.[at] === 1) previous = undefined;
      histograms[at] = undefined;
      return;
    }
    const hint =
      histogram.hint !== 'unknown' || previous === undefined
        ? histogram.hint
        : detectsReset(histogram, previous)
          ? 'reset'
          : 'not_reset';
    previous = histogram;
    histograms[at] = hint === histogram.hint ? histogram : { ...histogram, hint };
  });
  return { ...block, histograms };
}

/** A loaded series as functions of range vectors read it: without stale markers. */
export function rangeSeries(
  { labels, block, stale }: LoadedSeries,
  startTimes: boolean,
): RangeSeries {
  const metricName = labelValue(labels, METRIC_NAME);
  const histograms = block.histograms?.some((one) => one !== undefined)
    ? block.histograms
    : undefined;
  const starts = startTimes ? block.startTimesMs : undefined;
  const named = { labels, metricName, dropsName: false };
  if (stale === undefined) {
    const { timesMs, values } = block;
    return { ...named, timesMs, values, histograms, startTimesMs: starts };
  }
  const kept: number[] = [];
  for (let at = 0; at < stale.length; at++) if (stale[at] !== 1) kept.push(at);
  return {
    ...named,
    timesMs: Float64Array.from(kept, (at) => block.timesMs[at] ?? 0),
    values: Float64Array.from(kept, (at) => block.values[at] ?? 0),
    histograms: histograms && kept.map((at) => histograms[at]),
    startTimesMs: starts && Float64Array.from(kept, (at) => starts[at] ?? 0),
  };
}
