/**
 * Encryption of connections to a database server, and verification of the server.
 */
import type { ConnectionOptions } from 'node:tls';
import type { TlsMode } from '../config/database-url.ts';

/** PEM texts. */
export interface DatabaseTls {
  /** The authorities to trust. Default: the authorities that Node trusts. */
  readonly ca?: string | readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** The TLS settings for one server. */
export interface ServerTrust {
  readonly options: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;
  /** Whether the certificate must also name the host. */
  readonly namesHost: boolean;
}

/**
 * If `tls` is given, connections are encrypted, whatever the URL says. As in libpq, `require`
 * without an authority encrypts but does not verify the server; with an authority it verifies, too.
 *
 * @param mode - the TLS mode in the URL
 * @returns undefined for a connection without TLS
 * @see https://www.postgresql.org/docs/15/libpq-ssl.html
 */
export function serverTrust(
  mode: TlsMode | undefined,
  tls: DatabaseTls | undefined,
): ServerTrust | undefined {
  if (!tls && (mode === undefined || mode === 'disable')) return undefined;
  const { ca, cert, key } = tls ?? {};
  const asked = mode === undefined || mode === 'disable' ? 'verify-full' : mode;
  const isVerified = asked !== 'require' || ca !== undefined;
  return {
    options: {
      ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca] }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      rejectUnauthorized: isVerified,
    },
    namesHost: asked === 'verify-full',
  };
}
