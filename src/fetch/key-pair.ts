/**
 * Reads a certificate and its key, and says whether they belong together.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readPem } from '../pem.ts';

export interface KeyPair {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  /** Whether the key is that of the first certificate. */
  readonly matches: boolean;
}

/** @throws the error of a file that cannot be read; half a file counts as one that does not match */
export async function readPair(files: {
  readonly certFile: string;
  readonly keyFile: string;
}): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readPem(files.certFile), readPem(files.keyFile)]);
  return { cert, key, matches: belongsTogether(cert, key) };
}

function belongsTogether(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false; // a file that is being written is no PEM yet
  }
}
