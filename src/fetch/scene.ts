/**
 * The objects that the fetches of one scrape share, and how `scrape-run.ts` ends a fetch.
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

/** The objects that the fetches of one scrape share, and the scrape's callbacks. */
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
  /** @param deadlineMs - the page's own deadline; the scrape's deadline counts if it is earlier */
  headersFor(target: ScrapeTarget, deadlineMs: number): readonly string[];
  /** Called once per fetch that has an answer. */
  settled(index: number, answer: ScrapeAnswer): void;
  /** The fetch gave its slot back before asking: others of its scrape wait for bytes. */
  heldBack(index: number): void;
}

/** How the scrape, or a page's timer, ends a fetch. */
export interface Ending {
  readonly failure: Failure;
  readonly outcome: Outcome;
}

/** The longest timer of Node, 24 days; a longer timer would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
