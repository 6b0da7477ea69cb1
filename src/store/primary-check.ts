/**
 * Uses no connection to a server that takes no changes: a standby of PostgreSQL, a MySQL that is
 * read-only.
 *
 * What such a server knows may be old, so its answers are not believed either. Its connection is
 * dropped: the next one may reach the primary, by a name or a proxy that has moved on meanwhile.
 */
import { StoreAwayError } from '../../broker/binding-store.ts';
import { answer, reasonOf, type Session } from './session.ts';

/** As long a connection is believed to take changes: other uses of it cost no question. */
const BELIEVED_MS = 1000;

export interface PrimaryCheckOptions {
  /**
   * Begins a transaction that may write, and ends it. A question would not do: a proxy may send what
   * only reads to a standby, while changes reach the primary.
   */
  readonly tryWriting: (session: Session) => Promise<unknown>;
  /** Whether an error says that the server takes no changes. */
  readonly isReadOnly: (error: unknown) => boolean;
}

/** @typeParam C - what a connection is known by */
export class PrimaryCheck<C extends object> {
  readonly #options: PrimaryCheckOptions;
  readonly #checkedMs = new WeakMap<C, number>();

  constructor(options: PrimaryCheckOptions) {
    this.#options = options;
  }

  /** @throws {StoreAwayError} when its server takes no changes; the session is closed then */
  async check(connection: C, session: Session): Promise<void> {
    const { tryWriting, isReadOnly } = this.#options;
    const nowMs = performance.now();
    if (nowMs - (this.#checkedMs.get(connection) ?? -Infinity) < BELIEVED_MS) return;
    try {
      await answer(tryWriting(session));
    } catch (cause) {
      session.release(true);
      if (!isReadOnly(cause)) throw cause;
      throw new StoreAwayError(`${READ_ONLY}: ${reasonOf(cause)}`, { cause });
    }
    this.#checkedMs.set(connection, nowMs);
  }
}

const READ_ONLY = 'the server is read-only, since it is a standby or a failover is under way';
