/** The secrets with which a binding's holder reads metrics. */
import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;

/** @returns 256 random bits in base64url: nothing in it needs escaping anywhere */
export function freshToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
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
