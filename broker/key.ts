/** The keys that encrypt stored secrets: 256 bits each; the id is derived from the key. */
import { createHash, randomBytes, scryptSync } from 'node:crypto';
import type { StoredKey } from './binding-store.ts';

export interface Key {
  /** 16 hexadecimal digits that reveal nothing about the key. */
  readonly id: string;
  readonly bytes: Buffer;
}

const KEY_BYTES = 32;

/** 32 bytes in base64 or base64url: 43 characters and an optional `=`. */
const BASE64_KEY = /^[A-Za-z0-9+/_-]{43}=?$/;

/**
 * Fixed, since every replica must derive the same key from the passphrase alone; the cost of scrypt
 * slows down guesses.
 */
const SALT = 'promgate database.encryption_key';
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 }; // about 32 MiB and 80 ms per guess

/**
 * Reads a key as an operator writes it.
 *
 * @param text - 32 bytes in base64 (`openssl rand -base64 32`); any other text is a passphrase,
 *    from which scrypt derives the key
 * @throws {RangeError} for an empty text
 */
export function readKey(text: string): Key {
  if (text === '') throw new RangeError('a key must not be empty');
  if (BASE64_KEY.test(text)) return keyOf(Buffer.from(text, 'base64'));
  return keyOf(scryptSync(text.normalize(), SALT, KEY_BYTES, COST));
}

/** Creates a random key, in the form that a store keeps. */
export function freshKey(): StoredKey {
  const { id, bytes } = keyOf(randomBytes(KEY_BYTES));
  return { id, key: bytes.toString('base64') };
}

function keyOf(bytes: Buffer): Key {
  const hash = createHash('sha256').update('promgate key id\0').update(bytes).digest();
  return { id: hash.toString('hex', 0, 8), bytes };
}
