/**
 * The states of a page's fetch. `page.ts` moves the fetch from state to state.
 */
import type { BodyReader } from './body-reader.ts';
import type { Account } from './lease.ts';
import type { Verdict } from './verdict.ts';

/**
 * The state of a fetch, and what the fetch holds in that state.
 *
 *   new, held-back -> queued -> waiting -> asking -> reading -> ended
 *                                  ^       ^  \-> judged -'
 *
 * A redirect leads from `judged` back to `asking`; a response that the strict parser refuses leads
 * from `asking` or `reading` back to `waiting`. From every state `end` leads to `ended`.
 */
export type PageState =
  /** The fetch has not been started. */
  | { readonly name: 'new' }
  /** The fetch has not been started, since other fetches of its scrape wait for bytes. */
  | { readonly name: 'held-back' }
  /** The fetch waits for its slot. */
  | { readonly name: 'queued' }
  /** The fetch has its slot, and waits for the first bytes of the budget. */
  | { readonly name: 'waiting'; readonly account: Account }
  /** The fetch has sent its request; no status has arrived. */
  | { readonly name: 'asking'; readonly account: Account }
  /** A 200 has arrived, and the fetch reads its body. */
  | {
      readonly name: 'reading';
      readonly account: Account;
      readonly reader: BodyReader;
    }
  /** Another status has arrived; the fetch reads the rest only to keep the connection. */
  | {
      readonly name: 'judged';
      readonly account: Account;
      readonly status: number;
      readonly verdict: Verdict;
      /** What the router said of itself. */
      readonly cause: string | undefined;
      /** Ends the reading of a slow response. */
      readonly drainTimer: NodeJS.Timeout;
    }
  /** The fetch has given its answer, or was held back and replaced by another fetch. */
  | { readonly name: 'ended' };

export type Judged = Extract<PageState, { name: 'judged' }>;

export const NEW: PageState = { name: 'new' };
export const HELD_BACK: PageState = { name: 'held-back' };
export const QUEUED: PageState = { name: 'queued' };
export const ENDED: PageState = { name: 'ended' };

/** The fetch's account in the byte budget, from getting the slot to the end. */
export function accountOf(state: PageState): Account | undefined {
  return 'account' in state ? state.account : undefined;
}

/** The status of the response that the fetch reads now. */
export function statusOf(state: PageState): number | undefined {
  if (state.name === 'reading') return 200;
  return state.name === 'judged' ? state.status : undefined;
}

export function waitsForBytes(state: PageState): boolean {
  return state.name === 'held-back' || accountOf(state)?.list !== undefined;
}
