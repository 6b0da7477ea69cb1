/**
 * Reads promgate's own certificate, and reads it again when its files change.
 *
 * Files are compared by content, so that promgate also sees a rotation that replaces links or
 * directories.
 */
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { type Clock, every } from '../clock.ts';
import { checkAuthorities } from '../fetch/trust.ts';
import { readPem } from '../pem.ts';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** The authorities of client certificates. If set, clients must present a certificate. */
  readonly clientCaFile?: string | undefined;
  /** Asks clients for a certificate, which the handler of a request must check. */
  readonly asksClients?: boolean;
}

export interface Watch {
  /** Called whenever the files have changed and can be used. */
  readonly onChange: (context: SecureContextOptions) => void;
  /** Called if the files cannot be read or used; the server keeps the previous certificate. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
  readonly clock?: Clock | undefined;
}

const LOOK_EVERY_MS = 10_000;

/** @throws {Error} if a file cannot be read or used, or the key does not fit the certificate */
export async function readCertificates(files: TlsFiles): Promise<SecureContextOptions> {
  const { certFile, keyFile, clientCaFile, asksClients = false } = files;
  const [cert, key, ca] = await Promise.all([
    readPem(certFile),
    readPem(keyFile),
    clientCaFile === undefined ? undefined : readPem(clientCaFile),
  ]);
  if (clientCaFile !== undefined && ca !== undefined) checkAuthorities(clientCaFile, ca);
  const context = {
    ...{ cert, key, minVersion: 'TLSv1.2' as const },
    ...(ca !== undefined && { ca }),
    // A client must not change its certificate within a connection.
    ...((asksClients || ca !== undefined) && { secureOptions: constants.SSL_OP_NO_RENEGOTIATION }),
  };
  createSecureContext(context); // throws if the files cannot be used together
  return context;
}

/** Watches the files. @returns when `signal` has aborted */
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
      if (String(error) !== fault) onError(error); // reports each fault once
      fault = String(error);
    },
  });
}

function isSame(a: SecureContextOptions, b: SecureContextOptions): boolean {
  return (['cert', 'key', 'ca'] as const).every((name) => String(a[name]) === String(b[name]));
}
