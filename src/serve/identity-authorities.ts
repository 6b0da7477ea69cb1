/**
 * The file of `auth.identity.ca`, which is read again when it changes.
 */
import { type Clock, every } from '../clock.ts';
import { pemName, readPem } from '../pem.ts';
import { IdentityAuthorities } from './identity.ts';

const LOOK_EVERY_MS = 10_000;

export interface WatchedAuthorities extends AsyncDisposable {
  readonly current: () => IdentityAuthorities;
}

export interface WatchOptions {
  /** Called when the file has changed, or with the error if it cannot be used. */
  readonly onChange: (error?: unknown) => void;
  readonly clock?: Clock | undefined;
}

/** @throws {Error} if the file cannot be read or used */
export async function watchAuthorities(
  source: string,
  { onChange, clock }: WatchOptions,
): Promise<WatchedAuthorities> {
  let text = await readPem(source);
  let current = readAuthorities(source, text);
  let fault = '';
  const stop = new AbortController();
  const look = async (): Promise<void> => {
    const now = await readPem(source);
    if (now !== text) {
      const changed = readAuthorities(source, now);
      text = now;
      current = changed;
      onChange();
    }
    fault = '';
  };
  const looking = every(LOOK_EVERY_MS, look, {
    ...{ signal: stop.signal, clock, firstAfterMs: LOOK_EVERY_MS },
    onError: (error) => {
      if (String(error) !== fault) onChange(error); // reports each fault once
      fault = String(error);
    },
  });
  return {
    current: () => current,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await looking;
    },
  };
}

function readAuthorities(source: string, text: string): IdentityAuthorities {
  try {
    return new IdentityAuthorities(text);
  } catch (cause) {
    const what = `auth.identity.ca: ${pemName(source)} holds no authority that can be read`;
    throw new Error(what, { cause });
  }
}
