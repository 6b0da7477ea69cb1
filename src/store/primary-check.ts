/**
 * Uses no connection to a server that only follows another one: a standby of PostgreSQL, a MySQL that
 * is read-only.
 *
 * What such a server knows may be old, so its answers are not believed either. Its connection is
 * dropped: the next one may reach the primary, by a name or a proxy that has moved on meanwhile.
 */
import { StoreAwayError } from '../../broker/binding-store.ts';
import { answer, type Session } from './session.ts';

/** As long a connection is believed to be one to the primary: other uses of it cost no question. */
const BELIEVED_MS = 1000;

export class PrimaryCheck<C extends object> {
  readonly #isPrimary: (connection: C, session: Session) => Promise<boolean>;
  readonly #checkedMs = new WeakMap<C, number>();

  constructor(isPrimary: (connection: C, session: Session) => Promise<boolean>) {
    this.#isPrimary = isPrimary;
  }

  /** @throws {StoreAwayError} when its server takes no changes; the session is closed then */
  async check(connection: C, session: Session): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - (this.#checkedMs.get(connection) ?? -Infinity) < BELIEVED_MS) return;
    try {
      if (!(await answer(this.#isPrimary(connection, session))))
        throw new StoreAwayError(READ_ONLY);
    } catch (error) {
      session.release(true);
      throw error;
    }
    this.#checkedMs.set(connection, nowMs);
  }
}

const READ_ONLY = 'the server is read-only: it is a standby, or a failover is under way';
