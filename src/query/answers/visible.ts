/**
 * Which label sets a reader may see, for answers that the servers below cannot filter.
 */
import { compileMatcher } from '../../promql/evaluate/match.ts';
import type { QueryScope } from '../federation.ts';
import type { LabelSet } from './shape.ts';

export type Sees = (labels: LabelSet) => boolean;

/** @returns a test of label sets; without tenants everything is seen */
export function seenBy({ tenants }: Pick<QueryScope, 'tenants'>): Sees {
  if (tenants.length === 0) return () => true;
  const sets = tenants.map((set) => set.map(compileMatcher));
  return (labels) =>
    sets.some((set) => set.every(({ name, matches }) => matches(labels[name] ?? '')));
}
