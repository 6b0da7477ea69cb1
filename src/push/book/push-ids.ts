/**
 * The idempotency keys of a tenant: a push that is sent again with its key adds nothing.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */

import type { Push } from '../push.ts';
import { PushRefusal } from '../refusal.ts';
import type { Held, HeldRecords } from './held.ts';

export interface PushId {
  readonly hash: string;
  /** The record `i`: when the push came. */
  readonly held: Held;
}

export class PushIds {
  readonly #records: HeldRecords;
  /** By key, the oldest first. */
  readonly #ids = new Map<string, PushId>();
  readonly #total: { keys: number };

  constructor(records: HeldRecords, total: { keys: number }) {
    this.#records = records;
    this.#total = total;
  }

  get size(): number {
    return this.#ids.size;
  }

  get(key: string): PushId | undefined {
    return this.#ids.get(key);
  }

  /** @param max - the oldest keys beyond that number go */
  add(key: string, hash: string, { nowMs, max }: { nowMs: number; max: number }): void {
    const held = this.#records.create(1, () => ['i', key, hash]);
    this.#records.cells.values[held.at] = nowMs;
    this.#ids.set(key, { hash, held });
    this.#total.keys += 1;
    for (const oldest of this.#ids.keys()) {
      if (this.#ids.size <= max) break;
      this.#forget(oldest);
    }
  }

  /** Removes the oldest keys. */
  drop(count: number): void {
    let left = count;
    for (const oldest of this.#ids.keys()) {
      if (left-- <= 0) break;
      this.#forget(oldest);
    }
  }

  restore(key: string, hash: string, held: Held): void {
    if (this.#ids.has(key)) this.#forget(key);
    this.#ids.set(key, { hash, held });
    this.#total.keys += 1;
  }

  #forget(key: string): void {
    const id = this.#ids.get(key);
    if (!id) return;
    this.#ids.delete(key);
    this.#total.keys -= 1;
    this.#records.remove(id.held);
  }

  /** Removes a key if this is its record. */
  remove(key: string, held: Held): void {
    if (this.#ids.get(key)?.held === held) this.#forget(key);
    else this.#records.remove(held);
  }

  /** Removes the keys that came before `beforeMs`. */
  expire(beforeMs: number): void {
    for (const [key, { held }] of this.#ids) {
      if (this.#records.cells.values[held.at]! >= beforeMs) break;
      this.#forget(key);
    }
  }
}

/** @throws {PushRefusal} `key_reused` */
export function isReplay(ids: Pick<PushIds, 'get'>, { id }: Pick<Push, 'id'>): boolean {
  const known = id && ids.get(id.key);
  if (!id || !known) return false;
  if (known.hash === id.hash) return true;
  const what = 'another push was made with this Idempotency-Key: take a new key for each push';
  throw new PushRefusal('key_reused', what);
}
