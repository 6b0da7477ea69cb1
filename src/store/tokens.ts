/**
 * What a token opens, from memory; for an unknown one the store is asked once.
 *
 * A token made by another replica a moment ago is not known here yet. All who bring unknown tokens
 * at one time wait for the same poll of the follower, which polls so often at most: whoever guesses
 * tokens costs the database no more than that.
 */
import { tokenHash } from '../../broker/token.ts';

export interface TokensOptions<S> {
  /** @param tokenHash - SHA-256 in hexadecimal */
  readonly scopeOf: (tokenHash: string) => S | undefined;
  readonly follower: {
    /** Milliseconds since what is known was read; undefined: nothing was. */
    readonly ageMs: number | undefined;
    /** @returns whether the store could be asked */
    refresh(): Promise<boolean>;
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

  /** @returns undefined for a token of no binding; `unsure` when the store cannot be asked for it */
  async scopeOf(token: string): Promise<S | 'unsure' | undefined> {
    if (token.length > MAX_LENGTH) return undefined;
    const { scopeOf, follower } = this.#options;
    const hash = tokenHash(token);
    const known = this.#stale ? undefined : scopeOf(hash);
    if (known !== undefined) return known;
    return (await follower.refresh()) ? scopeOf(hash) : 'unsure';
  }

  get #stale(): boolean {
    const { follower, maxStaleMs } = this.#options;
    return follower.ageMs === undefined || follower.ageMs > maxStaleMs;
  }
}
