/** A decoded histogram as the evaluation takes it: without empty buckets, and not finer than it knows. */
import {
  type Buckets,
  CUSTOM_SCHEMA,
  compactBuckets,
  type Histogram,
} from '../../promql/evaluate/histogram.ts';
import { MAX_SCHEMA } from './bucket-layout.ts';

/** @param histogram - its buckets may be empty, and its schema may be up to 52 */
export function finishHistogram(histogram: Histogram): Histogram {
  const { schema } = histogram;
  const isFine = schema !== CUSTOM_SCHEMA && schema > MAX_SCHEMA;
  return {
    ...histogram,
    schema: isFine ? MAX_SCHEMA : schema,
    positive: finished(histogram.positive, isFine ? schema - MAX_SCHEMA : 0),
    negative: finished(histogram.negative, isFine ? schema - MAX_SCHEMA : 0),
  };
}

function finished(buckets: Buckets, halvings: number): Buckets {
  if (halvings === 0) return compactBuckets(buckets);
  const indices: number[] = [];
  const counts: number[] = [];
  buckets.indices.forEach((index, at) => {
    const wide = Math.ceil(index / 2 ** halvings);
    const count = buckets.counts[at] ?? 0;
    if (indices.at(-1) === wide) counts[counts.length - 1]! += count;
    else {
      indices.push(wide);
      counts.push(count);
    }
  });
  return compactBuckets({ indices, counts });
}
