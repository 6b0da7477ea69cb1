/**
 * What the short way of pushes knows of the bodies of equal pushes.
 */
import type { KnownBody, TakenPush } from './push-desk.ts';

/** What a layout takes for each sample of its page, about. */
const SAMPLE_BYTES = 192;

export interface Learnt {
  /** Of the last body that was worth it. */
  readonly known: KnownBody | undefined;
  /** How many bodies since had other lines. */
  misses: number;
}

/** Most jobs push only once. */
export const NOTHING: Learnt = { known: undefined, misses: 0 };

/** Layouts that serve no push cost more than they save: after so many, most are not made. */
const MAX_MISSES = 4;
const MADE_ONE_OF = 32;

/** What to know of a body for the next push. */
export function learn(before: Learnt, { layout, samples }: TakenPush): Learnt {
  const misses = before.misses + 1;
  const isWorthIt = misses <= MAX_MISSES || misses % MADE_ONE_OF === 0;
  const made = isWorthIt ? layout?.() : undefined;
  if (!made) return { known: before.known, misses };
  const isKnown = made === before.known?.layout;
  return isKnown
    ? { known: before.known, misses: 0 }
    : { known: { layout: made, samples }, misses };
}

/** The memory of a known body, about. */
export function sizeOf({ layout, samples }: KnownBody): number {
  return layout.sizeBytes + samples * SAMPLE_BYTES;
}
