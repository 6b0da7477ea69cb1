/** What a source told its observers. */
import type { SourceObservers } from '../../src/discover/source.ts';
import type { SourceError } from '../../src/discover/source-error.ts';

export interface Seen {
  readonly observers: SourceObservers;
  /** `new`, `same` and faults, in order. */
  readonly polls: readonly string[];
  readonly errors: readonly SourceError[];
  /** `works` and faults, in order. */
  readonly states: readonly string[];
  /** How often each reason was given. */
  readonly refused: Readonly<Record<string, number>>;
  readonly pruned: Readonly<Record<string, number>>;
  /** What was doubted: the list, what it has, and what it had. */
  readonly losses: readonly string[];
}

export function seen(): Seen {
  const polls: string[] = [];
  const errors: SourceError[] = [];
  const states: string[] = [];
  const refused: Record<string, number> = {};
  const pruned: Record<string, number> = {};
  const losses: string[] = [];
  return {
    polls,
    errors,
    states,
    refused,
    pruned,
    losses,
    observers: {
      onSuccess: (changed) => polls.push(changed ? 'new' : 'same'),
      onFailure: (error) => {
        polls.push(error.fault);
        errors.push(error);
      },
      onState: (state) => states.push(state.working ? 'works' : state.error.fault),
      onRefused: (reason, count) => {
        refused[reason] = (refused[reason] ?? 0) + count;
      },
      onLoss: ({ list = 'listing', apps, appsBefore }) =>
        losses.push(`${list} ${apps} of ${appsBefore}`),
      onPruned: (reason, count) => {
        pruned[reason] = (pruned[reason] ?? 0) + count;
      },
    },
  };
}
