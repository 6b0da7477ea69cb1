/** Native histograms in the notation of series: `{{schema:0 sum:4 count:3 buckets:[1 2]}}`. */
import {
  type CounterResetHint,
  CUSTOM_SCHEMA,
  denseBuckets,
  EMPTY_HISTOGRAM,
  type Histogram,
} from '../evaluate/histogram.ts';
import { parseCount, parseValue } from './number.ts';
import type { SeriesTokens } from './tokens.ts';

const VALUES = 'series values';
const DESCRIPTION =
  'histogram description, expected histogram description key, e.g. buckets:[5 10 7]';
const WHOLE: ReadonlySet<string> = new Set(['schema', 'offset', 'n_offset']);
const LISTS: ReadonlySet<string> = new Set(['buckets', 'n_buckets', 'custom_values']);

/** What a description says, by its keys. */
interface Described {
  readonly numbers: Map<string, number>;
  readonly lists: Map<string, readonly number[]>;
  hint: CounterResetHint;
}

/** Reads a histogram; the token ahead must be `{{`. */
export function parseHistogram(tokens: SeriesTokens): Histogram {
  tokens.take();
  const described: Described = { numbers: new Map(), lists: new Map(), hint: 'unknown' };
  const known = new Set<string>();
  tokens.takeIf('space');
  while (tokens.takeIf('}}') === undefined) {
    // Before the first key is read, no rule of descriptions explains a token.
    const context = known.size === 0 ? VALUES : DESCRIPTION;
    const key = tokens.expect('histogram-key', context).text.toLowerCase();
    tokens.expect(':', context);
    parseField(key, tokens, context, described);
    if (known.has(key)) {
      tokens.fail({ start: 0, end: 0 }, `duplicate key "${key}" in histogram`);
    }
    known.add(key);
    if (tokens.takeIf('}}') !== undefined) break;
    tokens.expect('space', DESCRIPTION);
  }
  return toHistogram(described);
}

function parseField(
  key: string,
  tokens: SeriesTokens,
  context: string,
  described: Described,
): void {
  if (key === 'counter_reset_hint') {
    described.hint = tokens.expect('hint', context).text.toLowerCase() as CounterResetHint;
  } else if (LISTS.has(key)) described.lists.set(key, parseList(tokens, context));
  else {
    const sign = tokens.takeIf('-') === undefined ? 1 : -1;
    const isWhole = WHOLE.has(key);
    described.numbers.set(
      key,
      sign * (isWhole ? parseCount(tokens, context) : parseValue(tokens, context)),
    );
  }
}

function parseList(tokens: SeriesTokens, context: string): number[] {
  tokens.expect('[', context);
  const list: number[] = [];
  tokens.takeIf('space');
  while (tokens.takeIf(']') === undefined) {
    const sign = tokens.takeIf('-') === undefined ? 1 : -1;
    list.push(sign * parseValue(tokens, context));
    if (tokens.takeIf(']') !== undefined) break;
    tokens.expect('space', context);
  }
  return list;
}

function toHistogram({ numbers, lists, hint }: Described): Histogram {
  const number = (key: string) => numbers.get(key) ?? 0;
  const list = (key: string) => lists.get(key) ?? [];
  return {
    ...EMPTY_HISTOGRAM,
    schema: number('schema'),
    sum: number('sum'),
    count: number('count'),
    zeroCount: number('z_bucket'),
    zeroThreshold: number('z_bucket_w'),
    positive: denseBuckets(number('offset'), list('buckets')),
    negative: denseBuckets(number('n_offset'), list('n_buckets')),
    customValues: number('schema') === CUSTOM_SCHEMA ? list('custom_values') : [],
    hint,
  };
}
