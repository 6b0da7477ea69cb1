/**
 * The answers to `status/tsdb`, joined: the figures of all groups added up.
 */
import type { GroupAnswer } from '../federation.ts';
import { isObject, type Json, membersOf, numberOf, textOf } from './shape.ts';

const LISTS = [
  'seriesCountByMetricName',
  'labelValueCountByLabelName',
  'memoryInBytesByLabelName',
  'seriesCountByLabelValuePair',
] as const;
const SUMS = ['numSeries', 'numLabelPairs', 'chunkCount'] as const;

/** @param limit - how many entries each list has */
export function joinHeadStats(answers: readonly GroupAnswer[], limit: number): Json {
  const heads = answers.map(({ data }) =>
    isObject(data) && isObject(data['headStats']) ? data['headStats'] : {},
  );
  const sums = SUMS.map((name) => [
    name,
    heads.reduce((sum, head) => sum + numberOf(head[name]), 0),
  ]);
  const times = (name: string): number[] =>
    heads.map((head) => numberOf(head[name])).filter((time) => time !== 0);
  return {
    headStats: {
      ...Object.fromEntries(sums),
      minTime: Math.min(...times('minTime'), Number.MAX_SAFE_INTEGER),
      maxTime: Math.max(...times('maxTime'), Number.MIN_SAFE_INTEGER),
    },
    ...Object.fromEntries(LISTS.map((name) => [name, joinCounts(answers, name, limit)])),
  };
}

function joinCounts(answers: readonly GroupAnswer[], list: string, limit: number): readonly Json[] {
  const counts = new Map<string, number>();
  for (const answer of answers) {
    for (const { name, value } of membersOf(answer, list)) {
      counts.set(textOf(name), (counts.get(textOf(name)) ?? 0) + numberOf(value));
    }
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, limit)
    .map(([name, value]) => ({ name, value }));
}
