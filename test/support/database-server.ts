/**
 * What tests need of a database server, whichever it is.
 */

export interface DatabaseServer extends AsyncDisposable {
  /** Makes an empty database. @returns its URL; user and password hold characters that URLs encode */
  freshDatabase(): Promise<string>;
  /** Runs statements, each by itself. @returns the rows of the last one */
  run(url: string, statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** A connection for statements that belong together. */
  connect(url: string): Promise<DatabaseConnection>;
  /** Ends it like a crash; what it had committed is kept. */
  goDown(): Promise<void>;
  /** Starts it again on the same port. */
  comeBack(): Promise<void>;
  /** Stops it in its tracks: it accepts connections, and answers nothing. */
  hang(): Promise<void>;
  /** Lets it go on. */
  goOn(): void;
}

export interface DatabaseServerOptions {
  /** PEM texts of its certificate: connections may be encrypted then. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface DatabaseConnection extends AsyncDisposable {
  /** @returns the statement's rows; none when it has no answer */
  run(statement: string): Promise<Record<string, unknown>[]>;
}

/** @returns the rows of the last one */
export async function runAll(
  connect: DatabaseServer['connect'],
  url: string,
  statements: readonly string[],
): Promise<Record<string, unknown>[]> {
  await using connection = await connect(url);
  let rows: Record<string, unknown>[] = [];
  for (const statement of statements) rows = await connection.run(statement);
  return rows;
}

/** Who may do all; the characters show that URLs are decoded. */
export const DATABASE_USER = 'prom@gate';
export const DATABASE_PASSWORD = 'p/a:s#s %wörd?';

export function databaseUrl(scheme: string, port: number, database: string): string {
  const user = encodeURIComponent(DATABASE_USER);
  const password = encodeURIComponent(DATABASE_PASSWORD);
  return `${scheme}://${user}:${password}@127.0.0.1:${port}/${database}`;
}
