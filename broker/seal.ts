/**
 * Encrypts secrets for the database; each opens only with its key and for its binding.
 *
 * AES-256-GCM with a random nonce of 96 bits each. The binding's id and the kind of secret are the
 * associated data, so a sealed text that was copied to another row does not open. The form is
 * `v1.<key id>.<nonce, ciphertext and tag in base64url>`.
 *
 * @see https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Key } from './key.ts';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED = /^v1\.([0-9a-f]{16})\.([A-Za-z0-9_-]+)$/;

/** The binding and the kind of secret that a sealed text belongs to. */
export interface SealedPlace {
  readonly bindingId: string;
  readonly what: 'token' | 'headers';
}

/** Why a text does not open: it has the wrong form, an unknown key, or was changed or copied. */
export type SealFailure = 'malformed' | 'unknown-key' | 'damaged';

export class SealError extends Error {
  override readonly name = 'SealError';
  readonly failure: SealFailure;

  constructor(failure: SealFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** One key that seals, and any number of older keys that only open. */
export class KeyRing {
  readonly #current: Key;
  readonly #keys: ReadonlyMap<string, Key>;

  /** @param older - in any order; may include the current key */
  constructor(current: Key, older: readonly Key[] = []) {
    this.#current = current;
    this.#keys = new Map([...older, current].map((key) => [key.id, key]));
  }

  /** Whether `sealed` names a key of this ring; far cheaper than `open`. */
  knows(sealed: string): boolean {
    const [version, id = ''] = sealed.split('.', 2);
    return version === 'v1' && this.#keys.has(id);
  }

  /** Encrypts with the current key. */
  seal(text: string, place: SealedPlace): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#current.bytes, nonce);
    cipher.setAAD(associatedData(place));
    const parts = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return `v1.${this.#current.id}.${Buffer.concat(parts).toString('base64url')}`;
  }

  /** @throws {SealError} if `sealed` was not sealed for this place under one of the keys */
  open(sealed: string, place: SealedPlace): string {
    const [, id, body] = SEALED.exec(sealed) ?? [];
    const bytes = Buffer.from(body ?? '', 'base64url');
    const end = bytes.length - TAG_BYTES;
    if (id === undefined || end < NONCE_BYTES || bytes.toString('base64url') !== body) {
      throw new SealError('malformed', `the sealed ${place.what} of a binding is malformed`);
    }
    const key = this.#keys.get(id);
    if (key === undefined) {
      throw new SealError('unknown-key', `no configured key has the id ${id}`);
    }
    const decipher = createDecipheriv(ALGORITHM, key.bytes, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associatedData(place));
    decipher.setAuthTag(bytes.subarray(end));
    try {
      const text = decipher.update(bytes.subarray(NONCE_BYTES, end));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch (cause) {
      const message = `the sealed ${place.what} of a binding was changed or belongs to another binding`;
      throw new SealError('damaged', message, { cause });
    }
  }
}

/** JSON, so that different places have different data. */
function associatedData({ bindingId, what }: SealedPlace): Buffer {
  return Buffer.from(JSON.stringify([what, bindingId]));
}
