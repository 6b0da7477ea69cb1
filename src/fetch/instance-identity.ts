/**
 * The TLS settings with promgate's own instance identity: the files that `CF_INSTANCE_CERT` and
 * `CF_INSTANCE_KEY` name.
 *
 * Cloud Foundry renews both before the certificate expires, and renames the key first, then the
 * certificate. A key that does not belong to the certificate is read again, and never used.
 */
import { X509Certificate } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { readPem } from '../pem.ts';
import type { Failure } from './failure.ts';
import { readPair } from './key-pair.ts';
import { secureContext, stampOfFiles, type Trust } from './trust.ts';

export interface IdentityFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface IdentityTrustOptions {
  /** PEM texts. */
  readonly ca: readonly string[];
  /** A PEM file of further authorities, read again when it changes; or PEM. */
  readonly caFile?: string | undefined;
  /** Called once for each unusable state of the files. Must not throw. */
  readonly onError: (error: Error) => void;
  /** Milliseconds of any clock that only goes forward. */
  readonly nowMs?: () => number;
  /** Waits between two readings of a pair that does not match. */
  readonly pause?: () => Promise<void>;
}

/** promgate has no usable instance identity now. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
}

/** The failure of a connection whose TLS settings could not be made. */
export function settingsFailure(cause: unknown): Failure {
  return cause instanceof IdentityError ? 'tls-client' : 'tls';
}

/** A rename follows the other within milliseconds; later looks find a slower one. */
const READINGS = 10;
const PAUSE_MS = 10;
/** The shortest time between two looks at the files. */
const LOOK_EVERY_MS = 1000;

/** @returns a trust whose `context` rejects with `IdentityError` until there is a usable pair */
export function identityTrust(files: IdentityFiles, options: IdentityTrustOptions): Trust {
  const { ca, caFile, onError, nowMs = () => performance.now() } = options;
  const { pause = () => new Promise<void>((resolve) => setTimeout(resolve, PAUSE_MS)) } = options;
  let latest: SecureContext | undefined;
  let seen = '';
  let reported = '';
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    const stamp = await stampOfFiles([files.certFile, files.keyFile, caFile]);
    if (stamp === seen && latest) return;
    try {
      const { cert, key } = await matchingPair(files, pause);
      const own = caFile === undefined ? [] : [await readPem(caFile)];
      latest = secureContext({ ca: [...ca, ...own], cert, key });
      seen = stamp; // a rename during the reading changes the stamp again
    } catch (cause) {
      if (reported !== stamp) {
        onError(new IdentityError('the instance identity cannot be used', { cause }));
      }
      reported = stamp;
    }
  };
  const lookIfDue = (): void => {
    if (looking || nowMs() - lookedAtMs < LOOK_EVERY_MS) return;
    looking = look().finally(() => {
      lookedAtMs = nowMs();
      looking = undefined;
    });
  };
  return {
    async context() {
      lookIfDue();
      await looking;
      if (latest) return latest;
      throw new IdentityError(`no usable pair in ${files.certFile} and ${files.keyFile}`);
    },
    latest() {
      lookIfDue();
      return latest;
    },
  };
}

/** Until when the certificate of the files is valid, for whoever checks the configuration. */
export async function identityExpiry(files: IdentityFiles): Promise<Date> {
  const { cert } = await matchingPair(files, async () => undefined);
  return new X509Certificate(cert).validToDate;
}

async function matchingPair(files: IdentityFiles, pause: () => Promise<void>) {
  for (let reading = 1; ; reading++) {
    const pair = await readPair(files);
    if (pair.matches) return pair;
    if (reading >= READINGS) throw new Error('the key does not belong to the certificate');
    await pause();
  }
}
