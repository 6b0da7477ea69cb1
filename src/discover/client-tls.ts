/**
 * Whom a source trusts, and with which certificate it shows itself.
 */
import { readFile } from 'node:fs/promises';
import { SourceError } from './source-error.ts';

export interface ClientTls {
  /** Authorities in PEM, trusted besides those of `caFile`. */
  readonly ca?: readonly string[] | undefined;
  /** Paths of files in PEM; they are read again for every connection, since they are rotated. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** PEM texts. */
export interface ClientCertificates {
  /** Left out, Node's own authorities are trusted. */
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/** @throws {SourceError} when a file cannot be read */
export async function readClientTls(tls: ClientTls): Promise<ClientCertificates> {
  const { ca = [], caFile, certFile, keyFile } = tls;
  const [caText, cert, key] = await Promise.all([caFile, certFile, keyFile].map(read));
  const authorities = caText === undefined ? ca : [...ca, caText];
  return {
    ...(authorities.length > 0 && { ca: authorities }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** What OpenSSL says where no authority that is trusted has signed the certificate. */
const UNTRUSTED: ReadonlySet<unknown> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether a connection failed since the server's certificate is signed by nobody who is trusted. */
export function isUntrusted(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if ('code' in one && UNTRUSTED.has(one.code)) return true;
  }
  return false;
}

async function read(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new SourceError('internal', `cannot read ${path}`, { cause });
  }
}
