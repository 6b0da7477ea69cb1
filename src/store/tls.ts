/**
 * How a connection to a database server is encrypted, and whom it trusts.
 */
import type { ConnectionOptions } from 'node:tls';
import type { TlsMode } from '../config/database-url.ts';

/** PEM texts. */
export interface DatabaseTls {
  /** Left out, Node's own authorities are trusted. */
  readonly ca?: string | readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Trust towards one server. */
export interface ServerTrust {
  readonly options: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;
  /** Whether the certificate must also name the host. */
  readonly namesHost: boolean;
}

/**
 * Given certificates mean encryption, whatever the URL says. As in libpq, `require` alone encrypts
 * without asking whom it talks to, and verifies as soon as an authority is given.
 *
 * @param mode - what the URL asks for
 * @returns undefined for a connection in the clear
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
