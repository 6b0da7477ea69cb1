/**
 * The rules of aggregate mode that depend on values: what cannot be added up is refused.
 */
import { type FamilyType, splitSuffix } from '../../exposition/grammar.ts';
import type { PushRefusalCode } from '../refusal.ts';

/** Untyped families whose names end so are added up like counters. */
const COUNTER_SUFFIXES: readonly string[] = ['_total', '_count', '_bucket'];

export interface Complaint {
  readonly code: PushRefusalCode;
  readonly what: string;
}

/**
 * What is wrong with the values of a metric, if it shall be added to others.
 *
 * @param name - of the family
 * @param bounds - how many bounds the metric has
 * @param at - where the metric's run begins in `values`; a sum of NaN stands for no sum
 */
export function complaintOf(
  type: FamilyType,
  name: string,
  bounds: number,
  at: number,
  values: Float64Array,
): Complaint | undefined {
  switch (type) {
    case 'counter':
      return counterComplaint(values[at]!, 'a counter');
    case 'unknown':
      return untypedComplaint(name, values[at]!);
    case 'histogram':
    case 'gaugehistogram':
      return histogramComplaint(bounds, at, values);
    case 'summary':
      return (
        sumComplaint(values[at + 1]!) ?? counterComplaint(values[at]!, 'the count of a summary')
      );
    default:
      return undefined;
  }
}

function counterComplaint(value: number, what: string): Complaint | undefined {
  if (value >= 0 && value < Number.POSITIVE_INFINITY) return undefined;
  return { code: 'bad_value', what: `${what} must be a finite number from 0 on, not ${value}` };
}

function untypedComplaint(name: string, value: number): Complaint | undefined {
  const [, suffix] = splitSuffix(name);
  if (COUNTER_SUFFIXES.includes(suffix)) {
    return counterComplaint(
      value,
      `an untyped metric whose name ends in ${suffix} is a counter, which`,
    );
  }
  if (suffix !== '_sum' || Number.isFinite(value)) return undefined;
  return {
    code: 'bad_value',
    what: `an untyped metric whose name ends in _sum must be finite, not ${value}`,
  };
}

function histogramComplaint(
  bounds: number,
  at: number,
  values: Float64Array,
): Complaint | undefined {
  const count = values[at]!;
  let below = 0;
  for (let bucket = at + 2; bucket < at + 2 + bounds; bucket++) {
    const value = values[bucket]!;
    if (!(value >= below)) return badHistogram('its buckets are not cumulative');
    below = value;
  }
  if (!(count >= below))
    return badHistogram(`its count ${count} is below its last bucket ${below}`);
  if (count === Number.POSITIVE_INFINITY) return badHistogram('its count is infinite');
  return sumComplaint(values[at + 1]!);
}

function sumComplaint(sum: number): Complaint | undefined {
  if (Math.abs(sum) !== Number.POSITIVE_INFINITY) return undefined;
  return { code: 'bad_value', what: `the sum must be finite, not ${sum}` };
}

export function badHistogram(what: string): Complaint {
  return { code: 'bad_histogram', what: `the histogram is invalid: ${what}` };
}
