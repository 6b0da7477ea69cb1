/**
 * What the fetches of one scrape share, and how `fan-out.ts` ends one of them.
 */
import type { Instance } from '../discover/instance.ts';
import type { ScrapeAnswer } from './answer.ts';
import type { Budget } from './budget.ts';
import type { Connections } from './connections.ts';
import type { Failure } from './failure.ts';
import type { Lease } from './lease.ts';
import type { Pacer } from './pacer.ts';
import type { SlotPool } from './pool.ts';
import type { Outcome } from './suspects.ts';
import type { ScrapeTarget } from './target.ts';

/** What the fetches of one scrape share. */
export interface Scene {
  readonly pool: SlotPool;
  readonly budget: Budget;
  readonly pacer: Pacer;
  readonly connections: Connections;
  readonly lease: Lease;
  /** `scrape.max_body` */
  readonly maxBodyBytes: number;
  /** Whether what answers at the instance's address is still the instance. */
  isThere(instance: Instance): boolean;
  /** @param deadlineMs - the page's own, if it is earlier than that of all */
  headersFor(target: ScrapeTarget, deadlineMs: number): readonly string[];
  /** Called once per fetch. */
  settled(index: number, answer: ScrapeAnswer): void;
  /** The fetch has not begun, and has given its slot back: others of its scrape wait for bytes. */
  heldBack(index: number): void;
}

/** How a fetch ends from outside. */
export interface Ending {
  readonly failure: Failure;
  readonly outcome: Outcome;
}

/** A longer timer would ring at once. Nobody waits for 24 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
