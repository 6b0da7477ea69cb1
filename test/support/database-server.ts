/**
 * What tests need of a database server, whichever it is.
 */

export interface DatabaseServer extends AsyncDisposable {
  /** Makes an empty database. @returns its URL; user and password hold characters that URLs encode */
  freshDatabase(): Promise<string>;
  /** Runs statements, each by itself. @returns the rows of the last one */
  run(url: string, statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** Ends it like a crash; what it had committed is kept. */
  goDown(): Promise<void>;
  /** Starts it again on the same port. */
  comeBack(): Promise<void>;
  /** Stops it in its tracks: it accepts connections, and answers nothing. */
  hang(): void;
  /** Lets it go on. */
  goOn(): void;
}

/** Who may do all; the characters show that URLs are decoded. */
export const DATABASE_USER = 'prom@gate';
export const DATABASE_PASSWORD = 'p/a:s#s %wörd?';

export function databaseUrl(scheme: string, port: number, database: string): string {
  const user = encodeURIComponent(DATABASE_USER);
  const password = encodeURIComponent(DATABASE_PASSWORD);
  return `${scheme}://${user}:${password}@127.0.0.1:${port}/${database}`;
}
