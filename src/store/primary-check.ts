/**
 * Drops connections to a server that accepts no changes: a standby of PostgreSQL, or a read-only
 * MySQL.
 *
 * The data of such a server may be old, so promgate does not read from the server either. The next
 * connection may reach the primary, since the host name or a proxy may point to the primary by
 * then.
 */
import { StoreAwayError } from '../../broker/binding-store.ts';
import { answer, reasonOf, type Session } from './session.ts';

/** A connection that passed the check is not checked again for so long. */
const BELIEVED_MS = 1000;

export interface PrimaryCheckOptions {
  /**
   * Begins a transaction that may write, and ends it. A query would not suffice, since a proxy may
   * send queries to a standby and changes to the primary.
   */
  readonly tryWriting: (session: Session) => Promise<unknown>;
  /** Whether an error means that the server accepts no changes. */
  readonly isReadOnly: (error: unknown) => boolean;
}

/** @typeParam C - the object that identifies a connection */
export class PrimaryCheck<C extends object> {
  readonly #options: PrimaryCheckOptions;
  readonly #checkedMs = new WeakMap<C, number>();

  constructor(options: PrimaryCheckOptions) {
    this.#options = options;
  }

  /**
   * Closes the session when the check fails.
   *
   * @throws {StoreAwayError} when the server accepts no changes, or does not answer
   */
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

const READ_ONLY = 'the server is read-only (it is a standby, or a failover is under way)';
