/**
 * The address of a database, read from its URL.
 *
 * `sqlite:<file>`, `postgres://user:password@host:port/database?sslmode=…`, `mysql://…`; the other
 * schemes are those that service brokers of platforms write.
 */

/** How far a server must prove who it is; the words of libpq's `sslmode`. */
export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

export interface SqliteAddress {
  readonly engine: 'sqlite';
  /** A path, or `:memory:`. */
  readonly file: string;
}

export interface ServerAddress {
  readonly engine: 'postgres' | 'mysql';
  readonly host: string;
  /** Undefined: the engine's own. */
  readonly port: number | undefined;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Undefined when the URL does not say. */
  readonly tlsMode: TlsMode | undefined;
}

export type DatabaseAddress = SqliteAddress | ServerAddress;

/** The URL is none that a store can be opened with. Its message holds no part of the URL but the scheme. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError';

  constructor(fault: string) {
    super(`the database URL ${fault}; ${ALLOWED}`);
  }
}

const ALLOWED =
  'allowed are sqlite:<file>, postgres://user:password@host:port/database and ' +
  'mysql://user:password@host:port/database, user and password percent-encoded';

const ENGINES: Readonly<Record<string, ServerAddress['engine']>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  mysql: 'mysql',
  mysql2: 'mysql',
  mariadb: 'mysql',
};

/**
 * @param text - query parameters other than those that ask for TLS are ignored: they are meant for
 *   other clients (`reconnect=true`)
 * @throws {DatabaseUrlError}
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw new DatabaseUrlError('has no scheme');
  if (scheme === 'sqlite') return { engine: 'sqlite', file: sqliteFile(text.slice(7)) };
  const engine = ENGINES[scheme];
  if (engine === undefined) throw new DatabaseUrlError(`has the scheme ${scheme}`);
  return serverAddress(engine, text);
}

/** What follows `sqlite:` is a path as it stands; `sqlite:///data/x.db` is also understood. */
function sqliteFile(rest: string): string {
  const file = rest.startsWith('//') ? rest.slice(2) : rest;
  if (file === '' || file.includes('\0')) throw new DatabaseUrlError('names no file');
  if (file !== rest && !file.startsWith('/')) {
    throw new DatabaseUrlError('names a host for a file');
  }
  return file;
}

function serverAddress(engine: ServerAddress['engine'], text: string): ServerAddress {
  const url = URL.parse(text); // the error of `new URL` would carry the password
  if (!url || url.hostname === '') throw new DatabaseUrlError('cannot be understood');
  const database = decoded(url.pathname.slice(1));
  if (database === '') throw new DatabaseUrlError('names no database');
  if (url.pathname.includes('@')) {
    throw new DatabaseUrlError('has an @ behind the host: that of a password is written %40');
  }
  if (url.username === '') throw new DatabaseUrlError('names no user');
  return {
    engine,
    host: url.hostname.replace(/^\[|\]$/g, ''), // the brackets of an IPv6 address
    port: url.port === '' ? undefined : Number(url.port),
    user: decoded(url.username),
    password: decoded(url.password),
    database,
    tlsMode: tlsModeOf(url.searchParams),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseUrlError('holds a % that begins no percent-encoded character');
  }
}

/** Values of the parameters that clients of many languages read; `prefer` and the like ask for nothing. */
const TLS_MODES: Readonly<Record<string, TlsMode>> = {
  disable: 'disable',
  disabled: 'disable',
  false: 'disable',
  '0': 'disable',
  require: 'require',
  required: 'require',
  'no-verify': 'require',
  'skip-verify': 'require',
  true: 'require',
  '1': 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
  'verify-identity': 'verify-full',
};

function tlsModeOf(parameters: URLSearchParams): TlsMode | undefined {
  for (const [name, value] of parameters) {
    if (!/^(ssl-?mode|ssl|tls|usessl)$/i.test(name)) continue;
    const mode = TLS_MODES[value.toLowerCase().replace('_', '-')];
    if (mode !== undefined) return mode;
  }
  return undefined;
}
