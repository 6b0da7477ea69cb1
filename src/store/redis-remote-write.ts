/**
 * The batches of remote write that wait for a receiver, in Redis or Valkey: the replica that gets the
 * lease goes on where the last one stopped.
 *
 * Only the holder of the lease uses the batches, so an index in its memory is right for as long as it
 * holds the lease; `open` reads the index anew.
 */
import { BatchIndex } from '../push/send/remote-write-index.ts';
import type { BatchStore, StoredBatch, StoreLevel } from '../push/send/remote-write-store.ts';
import { RedisSession, type RedisSessionOptions } from './redis-session.ts';

export interface RedisBatchesOptions extends Omit<RedisSessionOptions, 'maxAnswerBytes'> {
  /** Promgates with the same prefix on one server share their batches; without braces. */
  readonly prefix: string;
  /** Of the receiver. */
  readonly name: string;
}

/** The index is the largest answer. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20;

/** Numbers of a batch as its entry in the index of Redis has them: JSON. */
type Numbers = readonly [
  lane: number,
  lanes: number,
  atMs: number,
  samples: number,
  sizeBytes: number,
];

export class RedisBatches implements BatchStore {
  readonly kind = 'shared';
  readonly #session: RedisSession;
  readonly #indexKey: string;
  readonly #bytesKey: string;
  #index = new BatchIndex();

  constructor({ prefix, name, ...options }: RedisBatchesOptions) {
    this.#session = new RedisSession({ ...options, maxAnswerBytes: MAX_ANSWER_BYTES });
    // One hash tag: a cluster keeps both on one server.
    const base = `${prefix}:remote-write:{${name.replace(/[%{}]/g, encodeURIComponent)}}`;
    this.#indexKey = `${base}:index`;
    this.#bytesKey = `${base}:bytes`;
  }

  get level(): StoreLevel {
    return this.#index.level;
  }

  get last() {
    const { id = 0, atMs = 0, lanes = 1 } = this.#index.last ?? {};
    return { id, atMs, lanes };
  }

  async open(): Promise<void> {
    const [answer] = await this.#session.ask([['hgetall', this.#indexKey]]);
    const index = new BatchIndex();
    // The client makes an object of this answer; its whole numbers are in ascending order.
    for (const [id, numbers] of Object.entries(answer ?? {})) {
      const [lane, lanes, atMs, samples, sizeBytes] = JSON.parse(String(numbers)) as Numbers;
      index.add({ id: Number(id), lane, lanes, atMs, samples, sizeBytes });
    }
    this.#index = index;
  }

  async append(batches: readonly StoredBatch[]): Promise<void> {
    for (const { id, lane, lanes, atMs, samples, bytes } of batches) {
      const numbers: Numbers = [lane, lanes, atMs, samples, bytes.length];
      // First the bytes: what the index names is there.
      await this.#session.ask([
        ['hset', this.#bytesKey, id, bytes],
        ['hset', this.#indexKey, id, JSON.stringify(numbers)],
      ]);
      this.#index.add({ id, lane, lanes, atMs, samples, sizeBytes: bytes.length });
    }
  }

  async first(lane: number): Promise<StoredBatch | undefined> {
    for (;;) {
      const entry = this.#index.first(lane);
      if (!entry) return undefined;
      const { id, sizeBytes: _, ...rest } = entry;
      const [bytes] = await this.#session.ask([['hget', this.#bytesKey, id]]);
      if (Buffer.isBuffer(bytes)) return { id, ...rest, bytes };
      this.#index.remove(id); // another holder of the lease has sent it, or Redis was emptied
    }
  }

  async remove(id: number): Promise<void> {
    this.#index.remove(id);
    await this.#session.ask([
      ['hdel', this.#indexKey, id],
      ['hdel', this.#bytesKey, id],
    ]);
  }

  async dropOldest(except: readonly number[]): Promise<number | undefined> {
    const oldest = this.#index.oldest(except);
    if (oldest) await this.remove(oldest.id);
    return oldest?.samples;
  }

  async clear(): Promise<number> {
    const samples = this.#index.clear();
    await this.#session.ask([['unlink', this.#indexKey, this.#bytesKey]]);
    return samples;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}
