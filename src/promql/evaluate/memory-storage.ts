/**
 * A storage that holds all series in memory: for pages, files and tests.
 */
import { type CompiledMatcher, compileMatcher } from './match.ts';
import type { Matcher, SeriesBlock, Storage } from './storage.ts';

/** A storage of the given series. Each label set must occur once. */
export function memoryStorage(series: readonly SeriesBlock[]): Storage {
  const byName = new Map<string, SeriesBlock[]>();
  for (const block of series) {
    const name = labelOf(block, '__name__');
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [block]);
    else known.push(block);
  }
  return {
    async select(matchers, { afterMs, untilMs }) {
      const named = matchers.find((matcher) => matcher.name === '__name__' && matcher.op === '=');
      const candidates = named === undefined ? series : (byName.get(named.value) ?? []);
      const compiled = matchers.map((matcher: Matcher) => compileMatcher(matcher));
      return candidates
        .filter((block) => compiled.every((matcher) => fits(block, matcher)))
        .map((block) => within(block, afterMs, untilMs))
        .filter((block) => block.timesMs.length > 0);
    },
  };
}

function fits(block: SeriesBlock, { name, matches }: CompiledMatcher): boolean {
  return matches(labelOf(block, name));
}

function labelOf({ labels }: SeriesBlock, name: string): string {
  for (const [label, value] of labels) if (label === name) return value;
  return '';
}

/** The samples of a block in a range of time; arrays are shared, not copied. */
function within(block: SeriesBlock, afterMs: number, untilMs: number): SeriesBlock {
  const { timesMs } = block;
  const from = firstAfter(timesMs, afterMs);
  const to = firstAfter(timesMs, untilMs);
  if (from === 0 && to === timesMs.length) return block;
  return {
    labels: block.labels,
    timesMs: timesMs.subarray(from, to),
    values: block.values.subarray(from, to),
    ...(block.histograms === undefined ? {} : { histograms: block.histograms.slice(from, to) }),
    ...(block.startTimesMs === undefined
      ? {}
      : { startTimesMs: block.startTimesMs.subarray(from, to) }),
  };
}

/** The index of the first time after another. */
function firstAfter(timesMs: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timesMs[middle] ?? 0) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
