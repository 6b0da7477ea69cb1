/**
 * What a token opens, from memory; for an unknown one the store is asked once.
 *
 * A token made by another replica a moment ago is not known here yet. All who bring unknown tokens
 * at one time wait for the same poll of the follower, which polls so often at most: whoever guesses
 * tokens costs the database no more than that.
 */
import { createHash } from 'node:crypto';

export interface TokensOptions<S> {
  /** @param tokenHash - SHA-256 in hexadecimal */
  readonly scopeOf: (tokenHash: string) => S | undefined;
  readonly follower: {
    /** Milliseconds since what is known was read; undefined: nothing was. */
    readonly ageMs: number | undefined;
    refresh(): Promise<void>;
  };
  /** What is older is trusted no more: a token may have been revoked since. */
  readonly maxStaleMs: number;
}

/** Longer texts are no tokens of ours. */
const MAX_LENGTH = 256;

export class TokenScopes<S> {
  readonly #options: TokensOptions<S>;

  constructor(options: TokensOptions<S>) {
    this.#options = options;
  }

  /** @returns undefined for a token of no binding; `unsure` when the store has been away too long */
  async scopeOf(token: string): Promise<S | 'unsure' | undefined> {
    if (token.length > MAX_LENGTH) return undefined;
    const { scopeOf, follower } = this.#options;
    const hash = createHash('sha256').update(token).digest('hex');
    if (scopeOf(hash) === undefined || this.#stale) await follower.refresh();
    if (this.#stale) return 'unsure';
    return scopeOf(hash);
  }

  get #stale(): boolean {
    const { follower, maxStaleMs } = this.#options;
    return follower.ageMs === undefined || follower.ageMs > maxStaleMs;
  }
}
