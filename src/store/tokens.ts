/**
 * Finds the scope of a token in memory; an unknown token first causes one poll of the store.
 *
 * This replica may not know yet a token that another replica just made. All requests with unknown
 * tokens wait for the same poll, and the follower bounds how often it polls, so that guessed tokens
 * cost the database no more than these polls. A known token waits for a poll too when another replica
 * tells of a change, which may have revoked it.
 */
import { tokenHash } from '../../broker/token.ts';
import { sleep } from '../clock.ts';

export interface TokensOptions<S> {
  /** @param tokenHash - SHA-256 in hexadecimal */
  readonly scopeOf: (tokenHash: string) => S | undefined;
  readonly follower: {
    /** Milliseconds since the last successful poll began; undefined when there was none. */
    readonly ageMs: number | undefined;
    /** Whether the store is known to hold changes that no poll has read. */
    readonly isBehind: boolean;
    /** Polls the store. @returns whether the poll succeeded */
    refresh(): Promise<boolean>;
  };
  /** Bindings in memory that are older are not trusted, since a token may be revoked by now. */
  readonly maxStaleMs: number;
}

/** The longest wait for a poll after a change elsewhere, which may have revoked the token. */
const CATCH_UP_MS = 1_000;

/** promgate makes no longer tokens. */
const MAX_LENGTH = 256;

export class TokenScopes<S> {
  readonly #options: TokensOptions<S>;

  constructor(options: TokensOptions<S>) {
    this.#options = options;
  }

  /** @returns undefined for a token of no binding; `unsure` when the store does not answer */
  async scopeOf(token: string): Promise<S | 'unsure' | undefined> {
    if (token.length > MAX_LENGTH) return undefined;
    const { scopeOf, follower } = this.#options;
    const hash = tokenHash(token);
    const known = this.#stale ? undefined : scopeOf(hash);
    if (known !== undefined) {
      if (!follower.isBehind) return known;
      await this.#catchUp();
      return scopeOf(hash);
    }
    return (await follower.refresh()) ? scopeOf(hash) : 'unsure';
  }

  async #catchUp(): Promise<void> {
    const stop = new AbortController();
    await Promise.race([this.#options.follower.refresh(), sleep(CATCH_UP_MS, stop.signal)]);
    stop.abort();
  }

  get #stale(): boolean {
    const { follower, maxStaleMs } = this.#options;
    return follower.ageMs === undefined || follower.ageMs > maxStaleMs;
  }
}
