/**
 * Parses the URL of a Redis server: `redis://user:password@host:port`, with TLS `rediss://…`.
 *
 * A user name is optional, as is the password. The number of a database and query parameters are
 * ignored: pub/sub knows no databases, and parameters are meant for other clients.
 */

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  /** Undefined: the server's default user. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Whether the URL asks for TLS. */
  readonly usesTls: boolean;
}

/** The URL names no usable server. The message holds no part of the URL but its scheme. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';

  constructor(fault: string) {
    super(`the Redis URL ${fault}; ${ALLOWED}`);
  }
}

const ALLOWED =
  'allowed are redis://user:password@host:port and rediss://…, user and password percent-encoded';

const DEFAULT_PORT = 6379;

/** Scheme -> whether it asks for TLS. */
const SCHEMES: Readonly<Record<string, boolean>> = {
  redis: false,
  valkey: false,
  rediss: true,
  valkeys: true,
};

/** @throws {RedisUrlError} with a message that names the fault and the allowed forms */
export function parseRedisUrl(text: string): RedisAddress {
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw new RedisUrlError('has no scheme');
  if (!Object.hasOwn(SCHEMES, scheme)) throw new RedisUrlError(`has the scheme ${scheme}`);
  const url = URL.parse(text); // the error of `new URL` would carry the password
  if (!url || url.hostname === '') throw new RedisUrlError('cannot be understood');
  if (url.pathname.includes('@')) {
    throw new RedisUrlError('has an @ after the host: write an @ in the password as %40');
  }
  const password = decoded(url.password);
  const user = decoded(url.username);
  if (user !== '' && password === '') {
    throw new RedisUrlError('names a user without a password: write :<password>@ for a password');
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''), // the brackets of an IPv6 address
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    user: user === '' ? undefined : user,
    password: password === '' ? undefined : password,
    usesTls: SCHEMES[scheme] ?? false,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RedisUrlError('holds a % that begins no percent-encoded character: write it as %25');
  }
}
