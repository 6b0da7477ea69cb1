/**
 * The answers to `metadata`, joined: what is known of each metric, each different text once.
 */
import type { GroupAnswer } from '../federation.ts';
import { AnswerShapeError, isObject, objectsOf, textOf } from './shape.ts';

export interface Metadata {
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

interface MetadataLimits {
  /** How many metrics; 0 for all. */
  readonly limit: number;
  /** How many entries of each metric; 0 for all. */
  readonly perMetric: number;
}

/** @throws {AnswerShapeError} */
export function joinMetadata(
  answers: readonly GroupAnswer[],
  { limit, perMetric }: MetadataLimits,
): Readonly<Record<string, readonly Metadata[]>> {
  const metrics = new Map<string, Map<string, Metadata>>();
  for (const answer of answers) {
    if (!isObject(answer.data)) throw new AnswerShapeError(answer, 'no metadata by metric');
    for (const [metric, entries] of Object.entries(answer.data)) {
      const known = metrics.get(metric) ?? new Map<string, Metadata>();
      if (!metrics.has(metric)) {
        if (limit > 0 && metrics.size >= limit) continue;
        metrics.set(metric, known);
      }
      for (const entry of objectsOf(answer, entries, 'metadata')) {
        if (perMetric > 0 && known.size >= perMetric) break;
        const [type, help, unit] = [entry['type'], entry['help'], entry['unit']].map(textOf);
        const one = { type: type ?? '', help: help ?? '', unit: unit ?? '' };
        const key = JSON.stringify(one);
        if (!known.has(key)) known.set(key, one);
      }
    }
  }
  return Object.fromEntries(
    [...metrics]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, all]) => [name, [...all.values()]]),
  );
}
