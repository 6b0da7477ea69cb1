/**
 * The certificate that promgate shows, read again when its files change.
 *
 * Files are compared by content: a rotation that replaces links or whole directories is seen too.
 */
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { type Clock, every } from '../clock.ts';
import { checkAuthorities } from '../fetch/trust.ts';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Certificates that sign the clients; with it, clients need one. */
  readonly clientCaFile?: string | undefined;
}

export interface Watch {
  /** Given to the server whenever the files have changed and can be used. */
  readonly onChange: (context: SecureContextOptions) => void;
  /** The files have changed and cannot be used, or cannot be read: the last ones stay. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
  readonly clock?: Clock | undefined;
}

const LOOK_EVERY_MS = 10_000;

/** @throws {Error} if a file cannot be read, or the key is not the certificate's */
export async function readCertificates(files: TlsFiles): Promise<SecureContextOptions> {
  const { certFile, keyFile, clientCaFile } = files;
  const [cert, key, ca] = await Promise.all([
    readFile(certFile),
    readFile(keyFile),
    clientCaFile === undefined ? undefined : readFile(clientCaFile),
  ]);
  if (clientCaFile !== undefined && ca) checkAuthorities(clientCaFile, ca.toString('latin1'));
  const context = { cert, key, ...(ca && { ca }), minVersion: 'TLSv1.2' } as const;
  createSecureContext(context); // throws what the server would throw at its first client
  return context;
}

/** @returns when `signal` has aborted */
export async function watchCertificates(
  files: TlsFiles,
  first: SecureContextOptions,
  { onChange, onError, signal, clock }: Watch,
): Promise<void> {
  let known = first;
  let fault = '';
  const look = async (): Promise<void> => {
    const now = await readCertificates(files);
    fault = '';
    if (isSame(now, known)) return;
    known = now;
    onChange(now);
  };
  await every(LOOK_EVERY_MS, look, {
    ...{ signal, clock, firstAfterMs: LOOK_EVERY_MS },
    onError: (error) => {
      if (String(error) !== fault) onError(error); // once for each state of the files
      fault = String(error);
    },
  });
}

function isSame(a: SecureContextOptions, b: SecureContextOptions): boolean {
  return (['cert', 'key', 'ca'] as const).every((name) => String(a[name]) === String(b[name]));
}
