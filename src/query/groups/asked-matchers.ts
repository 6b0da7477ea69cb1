/**
 * What a selector means for one shard: whether the shard can have such series, and what it is asked for.
 */
import { compileMatcher } from '../../promql/evaluate/match.ts';
import type { Matcher } from '../../promql/evaluate/storage.ts';
import { reverseMatchers } from './metrics-relabel.ts';
import type { GroupSettings, LabelSet } from './settings.ts';

/** Servers refuse selectors that the empty label set fulfils; every series has a name. */
const EVERY_SERIES: Matcher = { name: '__name__', op: '=~', value: '.+' };

/** @returns the matchers for the shard's servers; undefined if no series of the shard can match */
export function askedMatchers(
  matchers: readonly Matcher[],
  { metricsRelabel, injectMatchers }: Pick<GroupSettings, 'metricsRelabel' | 'injectMatchers'>,
  labels: LabelSet,
): readonly Matcher[] | undefined {
  const reversed = reverseMatchers(matchers, metricsRelabel);
  if (reversed === undefined) return undefined;
  const asked: Matcher[] = [];
  for (const matcher of reversed) {
    if (!Object.hasOwn(labels, matcher.name)) asked.push(matcher);
    else if (!compileMatcher(matcher).matches(labels[matcher.name] ?? '')) return undefined;
  }
  asked.push(...injectMatchers);
  const narrows = asked.some((matcher) => !compileMatcher(matcher).matches(''));
  return narrows ? asked : [...asked, EVERY_SERIES];
}
