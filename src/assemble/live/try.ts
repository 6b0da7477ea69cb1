/**
 * One try of something that the configuration names: a peer is asked once, and the answer is told.
 */
import { MASK } from '../../config/secret.ts';

/** `warn`: it answered, but promgate will not work as well as it could. */
type TryState = 'ok' | 'warn' | 'failed';

export interface TryResult {
  readonly state: TryState;
  /** What answered, or why nothing did. */
  readonly said: string;
  /** What to do, unless all is well or `said` tells it already. */
  readonly advice?: string | undefined;
}

export interface Try {
  /** What is tried, without credentials. */
  readonly name: string;
  /** Time beyond the bound of a try, which its own protocol needs. */
  readonly extraMs?: number | undefined;
  /** @throws {TryError} */
  readonly run: (signal: AbortSignal) => Promise<TryResult>;
}

/** The peer did not answer as promgate needs it. */
export class TryError extends Error {
  override readonly name = 'TryError';
  readonly advice: string | undefined;

  constructor(message: string, advice?: string, options?: ErrorOptions) {
    super(message, options);
    this.advice = advice;
  }
}

/**
 * Runs a try for at most `timeoutMs`.
 *
 * @returns the result; a try that hangs is a failure, and its end is not awaited
 */
export async function attemptTry({ run, extraMs = 0 }: Try, timeoutMs: number): Promise<TryResult> {
  const boundMs = timeoutMs + extraMs;
  const stop = new AbortController();
  const late = Promise.withResolvers<TryResult>();
  const timer = setTimeout(() => {
    late.resolve({
      state: 'failed',
      said: `no whole answer within ${boundMs / 1000} s`,
      advice: 'look whether it hangs or a firewall drops the connection; --timeout sets the bound',
    });
    stop.abort();
  }, boundMs);
  const running = run(stop.signal).catch(failedTry);
  try {
    return await Promise.race([late.promise, running]);
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

function failedTry(error: unknown): TryResult {
  const said = error instanceof Error ? error.message : String(error);
  return { state: 'failed', said, advice: error instanceof TryError ? error.advice : undefined };
}

const SECRET = /^(?:password|clientSecret|token|encryptionKey|oldEncryptionKeys)$/;
/** A shorter secret would mask parts of ordinary words. */
const SHORTEST = 3;

/** Collects the secrets of a configuration, the longest first, so that none hides in another. */
export function secretsOf(config: unknown): string[] {
  const found = new Set<string>();
  const visit = (value: unknown, isSecret: boolean): void => {
    if (typeof value === 'string') {
      if (isSecret && value.length >= SHORTEST) found.add(value).add(encodeURIComponent(value));
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      visit(inner, isSecret || SECRET.test(key) || key === 'headers');
    }
  };
  visit(config, false);
  return [...found].sort((a, b) => b.length - a.length);
}

/** Masks secrets, and keeps what a peer said on one line of bounded length. */
export function withoutSecretsOf(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) safe = safe.replaceAll(secret, MASK);
  return safe
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, MAX_LENGTH);
}

const MAX_LENGTH = 600;
