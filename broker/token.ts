/** The secrets with which a binding's holder reads metrics. */
import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;
/** Tells ours from the secrets of apps, for promgate and for those who look for leaked ones. */
const PREFIX = 'promgate_';

/** @returns 256 random bits in base64url behind a prefix: nothing in it needs escaping anywhere */
export function freshToken(): string {
  return PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
}

const TOKEN = new RegExp(`${PREFIX}[A-Za-z0-9_-]{43}`);

/** Whether a text, that an app or others will read, holds a token. */
export function holdsToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * What a token is found by: who sees the database, or times the lookup, learns no token.
 *
 * A plain hash does: a token cannot be guessed, as a password can.
 *
 * @returns SHA-256 in hexadecimal
 */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
