/**
 * A connection to a database, and kysely's driver over such connections.
 *
 * Nothing waits without bound: a session that does not answer in time is closed, not used again.
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
/** Longest wait of the server for a lock: shorter, so that it is a conflict and not an absence. */
export const LOCK_TIMEOUT_MS = 2000;

export interface Session {
  run(sql: string, parameters: readonly unknown[]): Promise<QueryResult<unknown>>;
  /** @param isReadOnly - what it reads is of one moment then */
  begin(isReadOnly: boolean): Promise<unknown>;
  /** @param isBroken - it is to be closed instead of being used again */
  release(isBroken: boolean): void;
}

export interface SessionSource {
  open(): Promise<Session>;
}

/** Hands sessions to kysely. */
export class SessionDriver implements Driver {
  readonly #sessions: SessionSource;
  readonly #endsSession: (error: unknown) => boolean;

  /** @param endsSession - whether the session that gave this error is of no more use */
  constructor(sessions: SessionSource, endsSession: (error: unknown) => boolean) {
    this.#sessions = sessions;
    this.#endsSession = endsSession;
  }

  async init(): Promise<void> {}

  /** @throws {StoreAwayError} whatever the reason: nobody can be asked */
  async acquireConnection(): Promise<BoundedConnection> {
    const opening = this.#sessions.open();
    try {
      return new BoundedConnection(await answer(opening), this.#endsSession);
    } catch (cause) {
      opening.then(
        (late) => late.release(true),
        () => undefined, // it is the cause
      );
      throw new StoreAwayError(`no connection: ${reasonOf(cause)}`, { cause });
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

/** A session until its first failure to answer. */
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
    return result as QueryResult<R>; // kysely knows the type of what it asks for
  }

  /** @throws {StoreAwayError} when there is no answer in time */
  async ask<T>(question: (session: Session) => Promise<T>): Promise<T> {
    if (this.#isBroken) throw new StoreAwayError('the connection is closed');
    try {
      return await answer(question(this.#session));
    } catch (error) {
      this.#isBroken ||= error instanceof StoreAwayError || this.#endsSession(error);
      throw error;
    }
  }

  /** A closed connection is rolled back by the server. */
  async rollback(): Promise<void> {
    if (this.#isBroken) return;
    try {
      await this.ask((session) => session.run('rollback', []));
    } catch {
      this.#isBroken = true; // the error that led here is the one to tell
    }
  }

  release(): void {
    this.#session.release(this.#isBroken);
  }

  streamQuery(): never {
    throw new Error('answers are not streamed');
  }
}

/** @throws {StoreAwayError} when `promise` takes longer than any answer may */
export async function answer<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StoreAwayError(`no answer within ${ANSWER_TIMEOUT_MS} ms`));
    }, ANSWER_TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** An error of several tried addresses has no message of its own. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(reasonOf).join(', ');
  }
  return error instanceof Error ? error.message : String(error);
}
