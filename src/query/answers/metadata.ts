/**
 * The answers to `metadata`, joined: what is known of each metric, each different text once.
 */
import type { GroupAnswer } from '../federation.ts';
import { AnswerShapeError, isObject, objectsOf, textOf } from './shape.ts';
import { sortInSteps } from './sort.ts';

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

/** Other work may run after so many metrics. */
const STEP_METRICS = 1_000;

/**
 * What is known of each metric, in the order of their names.
 *
 * @throws {AnswerShapeError}
 */
export function* joinMetadata(
  answers: readonly GroupAnswer[],
  { limit, perMetric }: MetadataLimits,
): Generator<void, readonly (readonly [name: string, readonly Metadata[]])[], void> {
  const metrics = new Map<string, Map<string, Metadata>>();
  for (const answer of answers) {
    if (!isObject(answer.data)) throw new AnswerShapeError(answer, 'no metadata by metric');
    let done = 0;
    for (const [metric, entries] of Object.entries(answer.data)) {
      done += 1;
      if (done % STEP_METRICS === 0) yield;
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
  const sorted = yield* sortInSteps([...metrics], ([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, all]) => [name, [...all.values()]] as const);
}
