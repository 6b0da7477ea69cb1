/**
 * The authorities that a source trusts, and the certificate that it presents.
 */
import { pemName, readPem } from '../pem.ts';
import { SourceError } from './source-error.ts';

export interface ClientTls {
  /** Authorities in PEM, trusted in addition to the authorities in `caFile`. */
  readonly ca?: readonly string[] | undefined;
  /** Paths of PEM files, or PEM. Every connection reads files again, since operators rotate them. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** PEM texts. */
export interface ClientCertificates {
  /** The authorities to trust. Default: the authorities that Node trusts. */
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

/** The error codes of OpenSSL for a certificate that no trusted authority has signed. */
const UNTRUSTED: ReadonlySet<unknown> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether a connection failed because no trusted authority signed the server's certificate. */
export function isUntrusted(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if ('code' in one && UNTRUSTED.has(one.code)) return true;
  }
  return false;
}

async function read(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readPem(path);
  } catch (cause) {
    throw new SourceError('internal', `cannot read ${pemName(path)}`, { cause });
  }
}
