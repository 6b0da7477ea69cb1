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

/** Layers of percent escapes that `holdsToken` decodes. */
const MAX_LAYERS = 8;

/** Whether a text holds a token: as written, percent-encoded, or encoded as for basic auth. */
export function holdsToken(text: string): boolean {
  const encoded = /^basic\s+(.*)$/i.exec(text)?.[1];
  return holdsEscaped(text) || (encoded !== undefined && holdsEscaped(fromBase64(encoded)));
}

function holdsEscaped(text: string): boolean {
  let inner = text;
  for (let layer = 0; layer < MAX_LAYERS; layer += 1) {
    if (TOKEN.test(inner)) return true;
    const outer = inner;
    inner = outer.replace(/%([2-7][0-9a-f])/gi, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    );
    if (inner === outer) return false;
  }
  return TOKEN.test(inner);
}

function fromBase64(encoded: string): string {
  return Buffer.from(encoded, 'base64').toString();
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
