/**
 * Parses the URL of a database.
 *
 * `sqlite:<file>`, `postgres://user:password@host:port/database?sslmode=…`, `mysql://…`; service
 * brokers of platforms also write the other schemes below.
 */

/** How a server must prove its identity, in the words of libpq's `sslmode`. */
export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

export interface SqliteAddress {
  readonly engine: 'sqlite';
  /** A path, or `:memory:`. */
  readonly file: string;
}

export interface ServerAddress {
  readonly engine: 'postgres' | 'mysql';
  readonly host: string;
  /** Undefined: the engine's default port. */
  readonly port: number | undefined;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Undefined if the URL does not ask for one. */
  readonly tlsMode: TlsMode | undefined;
}

export type DatabaseAddress = SqliteAddress | ServerAddress;

/** The URL names no usable database. The message holds no part of the URL but its scheme. */
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
 * @param text - the URL; query parameters that do not ask for TLS are ignored, since they are meant
 *   for other clients (`reconnect=true`)
 * @throws {DatabaseUrlError} with a message that names the fault and the allowed forms
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw new DatabaseUrlError('has no scheme');
  if (scheme === 'sqlite') return { engine: 'sqlite', file: sqliteFile(text.slice(7)) };
  const engine = ENGINES[scheme];
  if (engine === undefined) throw new DatabaseUrlError(`has the scheme ${scheme}`);
  return serverAddress(engine, text);
}

/** The text after `sqlite:` is the path, without any decoding; `sqlite:///data/x.db` works too. */
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
    throw new DatabaseUrlError('has an @ after the host: write an @ in the password as %40');
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
    throw new DatabaseUrlError(
      'holds a % that begins no percent-encoded character: write it as %25',
    );
  }
}

/** Parameter values of clients in many languages; other values, like `prefer`, demand no TLS. */
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
