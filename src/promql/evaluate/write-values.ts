/**
 * Values as text, in the notations that Prometheus uses.
 */
import { printGeneral } from '../literal/number.ts';

import { type Histogram, upperBound } from './histogram.ts';

/** A histogram on one line: count, sum, and the populated buckets from the lowest to the highest. */
export function printHistogram(histogram: Histogram): string {
  const { positive, negative, zeroCount, zeroThreshold } = histogram;
  const parts = [`count:${printGeneral(histogram.count)}`, `sum:${printGeneral(histogram.sum)}`];
  for (let at = negative.indices.length - 1; at >= 0; at--) {
    const index = negative.indices[at] ?? 0;
    const bounds = [-upperBound(histogram, index), -upperBound(histogram, index - 1)].map(
      printGeneral,
    );
    parts.push(`[${bounds.join(',')}):${printGeneral(negative.counts[at] ?? 0)}`);
  }
  if (zeroCount !== 0) {
    parts.push(
      `[${printGeneral(-zeroThreshold)},${printGeneral(zeroThreshold)}]:${printGeneral(zeroCount)}`,
    );
  }
  positive.indices.forEach((index, at) => {
    const bounds = [upperBound(histogram, index - 1), upperBound(histogram, index)].map(
      printGeneral,
    );
    parts.push(`(${bounds.join(',')}]:${printGeneral(positive.counts[at] ?? 0)}`);
  });
  return `{${parts.join(', ')}}`;
}
