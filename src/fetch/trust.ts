/**
 * Which certificate authorities promgate trusts, and which client certificate it sends.
 *
 * For instances: the files of `scrape.tls`, read again when they change (CF and BOSH rotate them).
 * For external exporters: the certificates that the composition root collects.
 */
import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import tls from 'node:tls';
import { isPemText, pemName, readPem } from '../pem.ts';

/** Gives the TLS settings for a new connection. */
export interface Trust {
  /**
   * Resolves to the same object as long as the settings are unchanged. Rejects only if there are none
   * that could be used (`instance-identity.ts`).
   */
  context(): Promise<tls.SecureContext>;
  /**
   * The latest settings, without waiting; starts a look for changes if one is due.
   * A connection made with other settings must not be used again.
   */
  latest(): tls.SecureContext | undefined;
}

/** PEM texts. */
export interface TrustTexts {
  /** undefined trusts Node's own store, an empty list no authority. */
  readonly ca: readonly string[] | undefined;
  readonly cert?: string;
  readonly key?: string;
}

/** Trust that never changes. */
export function fixedTrust(texts: TrustTexts): Trust {
  let latest: tls.SecureContext | undefined;
  return {
    async context() {
      latest ??= secureContext(texts); // on first use: Node's own store takes 10 ms to load
      return latest;
    },
    latest: () => latest,
  };
}

/** Paths of PEM files, or PEM. */
export interface TrustFiles {
  /** Without it no certificate is trusted: no public authority would sign an instance's name. */
  readonly ca?: string;
  /** PEM texts of authorities that are trusted beside those of `ca`. */
  readonly authorities?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

export interface FileTrustOptions {
  /** Called once for each unusable change of a file; the last good settings stay in use. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds of any monotonic clock. */
  readonly now?: () => number;
}

/** The shortest time between two looks, so that a scrape of many instances looks once. */
const LOOK_EVERY_MS = 1000;

/**
 * Reads the files, and reads changed files again before a new connection.
 *
 * @throws the error of a file that cannot be read or holds no usable certificate
 */
export async function openFileTrust(
  files: TrustFiles,
  { onError, now = () => performance.now() }: FileTrustOptions,
): Promise<Trust> {
  let seen = await stampOf(files);
  let latest = await readContext(files);
  let lookedMs = now();
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    try {
      const stamp = await stampOf(files);
      if (stamp === seen) return;
      seen = stamp;
      latest = await readContext(files);
    } catch (error) {
      onError(error);
    } finally {
      lookedMs = now();
      looking = undefined;
    }
  };
  const lookIfDue = (): void => {
    if (now() - lookedMs >= LOOK_EVERY_MS) looking ??= look();
  };
  return {
    async context() {
      lookIfDue();
      await looking;
      return latest;
    },
    latest() {
      lookIfDue();
      return latest;
    },
  };
}

async function readContext({
  ca,
  authorities = [],
  cert,
  key,
}: TrustFiles): Promise<tls.SecureContext> {
  const [caText, certText, keyText] = await Promise.all(
    [ca, cert, key].map((path) => (path === undefined ? undefined : readPem(path))),
  );
  if (ca !== undefined && caText !== undefined) checkAuthorities(ca, caText);
  return secureContext({
    ca: caText === undefined ? authorities : [caText, ...authorities],
    ...(certText === undefined ? {} : { cert: certText }),
    ...(keyText === undefined ? {} : { key: keyText }),
  });
}

const CERTIFICATE =
  /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[^-]*(?:-----END [A-Z0-9 ]*CERTIFICATE-----)?/g;

/**
 * Refuses a file without authorities, or with a broken or cut-off certificate: OpenSSL skips such
 * certificates, so that a half-written file would trust too few authorities.
 *
 * @param source - the path of a file, or `pem` itself
 * @throws {Error} naming the file
 */
export function checkAuthorities(source: string, pem: string): void {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new Error(`${pemName(source)} holds no certificate`);
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (cause) {
    throw new Error(`${pemName(source)} holds a certificate that cannot be read`, { cause });
  }
}

async function stampOf({ ca, cert, key }: TrustFiles): Promise<string> {
  return stampOfFiles([ca, cert, key]);
}

/**
 * A text that changes when a file changes; a missing file counts as a state too.
 *
 * @param paths - PEM texts among them, and undefined, never change
 */
export async function stampOfFiles(paths: readonly (string | undefined)[]): Promise<string> {
  const stamps = paths.map(async (path) => {
    if (path === undefined || isPemText(path)) return '';
    try {
      const { mtimeMs, size, ino } = await stat(path);
      return `${mtimeMs},${size},${ino}`;
    } catch {
      return 'missing'; // reading it will say why
    }
  });
  return (await Promise.all(stamps)).join(';');
}

export function secureContext({ ca, cert, key }: TrustTexts): tls.SecureContext {
  return tls.createSecureContext({
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    minVersion: 'TLSv1.2',
  });
}
