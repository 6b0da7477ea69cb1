/**
 * The states of the fetch of a page. `page.ts` moves from one to the next.
 */
import type { BodyReader } from './body-reader.ts';
import type { Account } from './lease.ts';
import type { Verdict } from './verdict.ts';

/**
 * Where a fetch is, and what it holds there.
 *
 *   new, held-back -> queued -> waiting -> asking -> reading -> ended
 *                                  ^       ^  \-> judged -'
 *
 * A redirect leads from `judged` back to `asking`; a response that only the lenient parser reads leads
 * from `asking` or `reading` back to `waiting`. From every state `end` leads to `ended`.
 */
export type PageState =
  /** It has not been started. */
  | { readonly name: 'new' }
  /** It has not been started, since others of its scrape wait for bytes. */
  | { readonly name: 'held-back' }
  /** It waits for its slot. */
  | { readonly name: 'queued' }
  /** It has its slot, and waits for room for the beginning of a page. */
  | { readonly name: 'waiting'; readonly account: Account }
  /** It has sent its request; no status has come. */
  | { readonly name: 'asking'; readonly account: Account }
  /** A 200 has come, and its body comes in. */
  | {
      readonly name: 'reading';
      readonly account: Account;
      readonly reader: BodyReader;
      readonly contentType: string;
    }
  /** Another status has come, which says all; the response is only read to its end. */
  | {
      readonly name: 'judged';
      readonly account: Account;
      readonly status: number;
      readonly verdict: Verdict;
      /** Ends the reading of a response that is long in coming. */
      readonly drainTimer: NodeJS.Timeout;
    }
  /** It has given its answer, or was held back: then another fetch takes its place. */
  | { readonly name: 'ended' };

export type Judged = Extract<PageState, { name: 'judged' }>;

export const NEW: PageState = { name: 'new' };
export const HELD_BACK: PageState = { name: 'held-back' };
export const QUEUED: PageState = { name: 'queued' };
export const ENDED: PageState = { name: 'ended' };

/** What the fetch holds of the byte budget: from the slot on to the end. */
export function accountOf(state: PageState): Account | undefined {
  return 'account' in state ? state.account : undefined;
}

/** The status of the response that a fetch is at. */
export function statusOf(state: PageState): number | undefined {
  if (state.name === 'reading') return 200;
  return state.name === 'judged' ? state.status : undefined;
}

export function waitsForBytes(state: PageState): boolean {
  return state.name === 'held-back' || accountOf(state)?.list !== undefined;
}
