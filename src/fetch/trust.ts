/**
 * Whose certificates are trusted, and with which one promgate shows itself.
 *
 * Instances: `scrape.tls`, files that are read again when they have changed (CF and BOSH rotate
 * them). External exporters: whatever certificates the composition root collects for them.
 */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import tls from 'node:tls';

/** Gives the TLS settings for a new connection. */
export interface Trust {
  /** The same object as long as nothing has changed. Never rejects. */
  context(): Promise<tls.SecureContext>;
  /**
   * What is known without waiting; looks for changes behind the scenes when it is time to.
   * A connection that was made with something else is not to be used again.
   */
  latest(): tls.SecureContext | undefined;
}

/** PEM texts. */
export interface TrustTexts {
  /** undefined trusts Node's own store, an empty list nobody. */
  readonly ca: readonly string[] | undefined;
  readonly cert?: string;
  readonly key?: string;
}

/** Trust that never changes. */
export function fixedTrust(texts: TrustTexts): Trust {
  let latest: tls.SecureContext | undefined;
  return {
    async context() {
      latest ??= secureContext(texts); // late: Node's own store takes 10 ms to load
      return latest;
    },
    latest: () => latest,
  };
}

/** Paths of PEM files. */
export interface TrustFiles {
  /** Without it nobody is trusted: an instance has no name that a public authority would sign. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface FileTrustOptions {
  /** A changed file that cannot be used: the last good settings hold on. Told once per change. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds of any monotonic clock. */
  readonly now?: () => number;
}

/** How long files count as unchanged: a scrape of many instances looks at them once. */
const LOOK_EVERY_MS = 1000;

/**
 * Reads the files, and again when a connection is to be made and they have changed since.
 *
 * @throws the error of a file that cannot be read, or that holds no certificate that can be used
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

async function readContext({ ca, cert, key }: TrustFiles): Promise<tls.SecureContext> {
  const [caText, certText, keyText] = await Promise.all(
    [ca, cert, key].map((path) => (path === undefined ? undefined : readFile(path, 'utf8'))),
  );
  if (ca !== undefined && caText !== undefined) checkAuthorities(ca, caText);
  return secureContext({
    ca: caText === undefined ? [] : [caText],
    ...(certText === undefined ? {} : { cert: certText }),
    ...(keyText === undefined ? {} : { key: keyText }),
  });
}

const CERTIFICATE =
  /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[^-]*(?:-----END [A-Z0-9 ]*CERTIFICATE-----)?/g;

/**
 * Refuses a file of authorities that holds none, or one that is broken or cut off: OpenSSL passes
 * over what it cannot read, so that a file which is being written would trust too few.
 *
 * @throws {Error} naming the file
 */
export function checkAuthorities(path: string, pem: string): void {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new Error(`${path} holds no certificate`);
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (cause) {
    throw new Error(`${path} holds a certificate that cannot be read`, { cause });
  }
}

/** What tells one state of the files from the next: a missing file is a state too. */
async function stampOf({ ca, cert, key }: TrustFiles): Promise<string> {
  const stamps = [ca, cert, key].map(async (path) => {
    if (path === undefined) return '';
    try {
      const { mtimeMs, size, ino } = await stat(path);
      return `${mtimeMs},${size},${ino}`;
    } catch {
      return 'missing'; // reading it will say why
    }
  });
  return (await Promise.all(stamps)).join(';');
}

function secureContext({ ca, cert, key }: TrustTexts): tls.SecureContext {
  return tls.createSecureContext({
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    minVersion: 'TLSv1.2',
  });
}
