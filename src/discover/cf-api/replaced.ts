/**
 * Tells from two answers of the CF API whether instances of a process were replaced meanwhile.
 */
import type { ProcessRecord } from './records.ts';

/** Whether an instance of the process runs anew, so that its guid and its ports are others. */
export function wasReplaced(before: ProcessRecord, { states, instances }: ProcessRecord): boolean {
  if (instances !== before.instances) return true;
  if (!states || !before.states) return false;
  const known = new Map(before.states.map((one) => [one[0], one]));
  return states.some(([index, state, since]) => {
    const [, oldState, oldSince = 0] = known.get(index) ?? [];
    return state !== oldState || hasRestarted(oldSince, since);
  });
}

/** `since` is a time or a duration, as the version of the API has it. */
function hasRestarted(before: number, now: number): boolean {
  const isTime = now > 1e9;
  return isTime ? now !== before : now < before;
}
