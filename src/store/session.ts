/**
 * Sessions, which are connections to a database, and a driver that hands them to kysely.
 *
 * Every wait has a bound: the driver closes a session that does not answer in time.
 */
import type {
  CompiledQuery,
  DatabaseConnection,
  Driver,
  QueryResult,
  TransactionSettings,
} from 'kysely';
import { StoreAwayError } from '../../broker/binding-store.ts';

/** Longest wait for a connection, and for the answer to one statement. */
export const ANSWER_TIMEOUT_MS = 4000;
/** Longest wait for a lock. Shorter than an answer, so that the server reports a conflict first. */
export const LOCK_TIMEOUT_MS = 2000;

export interface Session {
  run(sql: string, parameters: readonly unknown[]): Promise<QueryResult<unknown>>;
  /** Begins a transaction. @param isReadOnly - it then reads the data of one moment */
  begin(isReadOnly: boolean): Promise<unknown>;
  /** Ends this use. @param isBroken - close the session instead of using it again */
  release(isBroken: boolean): void;
}

export interface SessionSource {
  open(): Promise<Session>;
}

/** Gives sessions to kysely. */
export class SessionDriver implements Driver {
  readonly #sessions: SessionSource;
  readonly #endsSession: (error: unknown) => boolean;

  /** @param endsSession - whether a session is useless after this error */
  constructor(sessions: SessionSource, endsSession: (error: unknown) => boolean) {
    this.#sessions = sessions;
    this.#endsSession = endsSession;
  }

  async init(): Promise<void> {}

  /** @throws {StoreAwayError} whatever the reason, since there is no database to ask */
  async acquireConnection(): Promise<BoundedConnection> {
    const opening = this.#sessions.open();
    try {
      return new BoundedConnection(await answer(opening), this.#endsSession);
    } catch (cause) {
      opening.then(
        (late) => late.release(true),
        () => undefined, // the error below has it as its cause
      );
      throw new StoreAwayError(`cannot connect to the database: ${reasonOf(cause)}`, { cause });
    }
  }

  async beginTransaction(
    connection: BoundedConnection,
    { accessMode }: TransactionSettings,
  ): Promise<void> {
    await connection.ask((session) => session.begin(accessMode === 'read only'));
  }

  async commitTransaction(connection: BoundedConnection): Promise<void> {
    await connection.ask((session) => session.run('commit', []));
  }

  async rollbackTransaction(connection: BoundedConnection): Promise<void> {
    await connection.rollback();
  }

  async releaseConnection(connection: BoundedConnection): Promise<void> {
    connection.release();
  }

  /** The owner of the sessions closes them. */
  async destroy(): Promise<void> {}
}

/** A session that refuses further use once it has failed to answer. */
class BoundedConnection implements DatabaseConnection {
  readonly #session: Session;
  readonly #endsSession: (error: unknown) => boolean;
  #isBroken = false;

  constructor(session: Session, endsSession: (error: unknown) => boolean) {
    this.#session = session;
    this.#endsSession = endsSession;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const result = await this.ask((session) => session.run(sql, parameters));
    return result as QueryResult<R>; // kysely knows the type of the rows
  }

  /** @throws {StoreAwayError} when the database does not answer in time */
  async ask<T>(question: (session: Session) => Promise<T>): Promise<T> {
    if (this.#isBroken) throw new StoreAwayError('the connection to the database is closed');
    try {
      return await answer(question(this.#session));
    } catch (error) {
      this.#isBroken ||= error instanceof StoreAwayError || this.#endsSession(error);
      throw error;
    }
  }

  /** Does nothing on a broken session: the server rolls back when the connection closes. */
  async rollback(): Promise<void> {
    if (this.#isBroken) return;
    try {
      await this.ask((session) => session.run('rollback', []));
    } catch {
      this.#isBroken = true; // kysely reports the error that caused the rollback
    }
  }

  release(): void {
    this.#session.release(this.#isBroken);
  }

  streamQuery(): never {
    throw new Error('promgate does not stream the answers of a database');
  }
}

/** Awaits `promise`. @throws {StoreAwayError} after `ANSWER_TIMEOUT_MS` */
export async function answer<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreAwayError(`the database did not answer within ${ANSWER_TIMEOUT_MS} ms`));
    }, ANSWER_TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The message of an error. An error after several addresses only has the messages of its parts. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(reasonOf).join(', ');
  }
  return error instanceof Error ? error.message : String(error);
}
