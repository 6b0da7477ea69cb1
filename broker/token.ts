/** The tokens with which the holder of a binding reads metrics. */
import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;
/** Lets promgate and scanners for leaked secrets recognize a token of promgate. */
const PREFIX = 'promgate_';

/** @returns the prefix and 256 random bits in base64url: no character ever needs escaping */
export function freshToken(): string {
  return PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
}

const TOKEN = new RegExp(`${PREFIX}[A-Za-z0-9_-]{43}`);

/** Whether a text holds a token. */
export function holdsToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * The hash by which a token is stored and looked up: neither the database nor the time of a lookup
 * reveals a token.
 *
 * A plain hash is enough: unlike a password, a random token cannot be guessed.
 *
 * @returns SHA-256 in hexadecimal
 */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
