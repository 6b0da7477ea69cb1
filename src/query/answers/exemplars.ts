/**
 * The answers to `query_exemplars`, joined: each series once, with the exemplars of all groups by
 * their time.
 */
import type { GroupAnswer } from '../federation.ts';
import {
  type Json,
  keyOf,
  type LabelSet,
  labelsOf,
  numberOf,
  objectsOf,
  withGroupLabels,
} from './shape.ts';
import type { Sees } from './visible.ts';

interface Exemplars {
  readonly seriesLabels: LabelSet;
  readonly exemplars: readonly Json[];
}

/** @throws {AnswerShapeError} */
export function joinExemplars(answers: readonly GroupAnswer[], sees: Sees): readonly Exemplars[] {
  const all = new Map<string, { seriesLabels: LabelSet; exemplars: Map<string, Json> }>();
  for (const answer of answers) {
    for (const one of objectsOf(answer, answer.data, 'exemplars')) {
      const seriesLabels = withGroupLabels(answer, labelsOf(answer, one['seriesLabels']));
      if (!sees(seriesLabels)) continue;
      const key = keyOf(seriesLabels);
      const known = all.get(key) ?? { seriesLabels, exemplars: new Map<string, Json>() };
      all.set(key, known);
      for (const exemplar of objectsOf(answer, one['exemplars'], 'exemplars')) {
        known.exemplars.set(JSON.stringify(exemplar), exemplar);
      }
    }
  }
  return [...all]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { seriesLabels, exemplars }]) => ({
      seriesLabels,
      exemplars: [...exemplars.values()].sort(
        (a, b) => numberOf(a['timestamp']) - numberOf(b['timestamp']),
      ),
    }));
}
