/**
 * What a promgate knows of a tenant in Redis: the version that its ledger has, and the numbers of the
 * records of this version.
 */
import { randomBytes } from 'node:crypto';
import { bucketOf, idOf, slotOf } from './push-redis-bytes.ts';

/**
 * A version of a tenant: the number of the commit, and the writer who made the commit. A writer makes
 * no two commits of one number, so that a version stands for one history of commits, even after Redis
 * has lost some of them.
 */
export interface Version {
  readonly seq: number;
  readonly writer: string;
}

/** The version of a tenant that Redis does not have. */
const NO_VERSION: Version = { seq: 0, writer: '' };

export function printVersion({ seq, writer }: Version): string {
  return seq === 0 ? '' : `${seq}:${writer}`;
}

/** @param text - '' for no version */
export function parseVersion(text: string): Version {
  const [seq = '', writer = ''] = text.split(':');
  return seq === '' ? NO_VERSION : { seq: Number(seq), writer };
}

export function newWriter(): string {
  return randomBytes(9).toString('base64url');
}

/** A set of the numbers of records, by buckets. */
export class RecordIds {
  readonly #buckets = new Map<number, Uint32Array>();

  get isEmpty(): boolean {
    return this.#buckets.size === 0;
  }

  has(id: number): boolean {
    const bits = this.#buckets.get(bucketOf(id));
    return bits !== undefined && (bits[slotOf(id) >> 5]! & (1 << (slotOf(id) & 31))) !== 0; // 4 x 32 bits
  }

  add(id: number): void {
    let bits = this.#buckets.get(bucketOf(id));
    if (!bits) {
      bits = new Uint32Array(4);
      this.#buckets.set(bucketOf(id), bits);
    }
    bits[slotOf(id) >> 5]! |= 1 << (slotOf(id) & 31);
  }

  delete(id: number): void {
    const bits = this.#buckets.get(bucketOf(id));
    if (!bits) return;
    bits[slotOf(id) >> 5]! &= ~(1 << (slotOf(id) & 31));
    if (bits.every((word) => word === 0)) this.#buckets.delete(bucketOf(id));
  }

  clear(): void {
    this.#buckets.clear();
  }

  *of(bucket: number): Iterable<number> {
    for (let slot = 0; slot < 128; slot++) {
      const id = idOf(bucket, slot);
      if (this.has(id)) yield id;
    }
  }
}

export class KnownTenant {
  #version = NO_VERSION;
  #text = '';
  readonly ids = new RecordIds();
  /** The writer of this promgate's commits: another one after each commit of unknown outcome. */
  writer = newWriter();
  /** The version after the commit that is under way. */
  pending: Version | undefined;
  /** How many commits in a row were not kept as another promgate was faster. */
  stales = 0;
  /** Whether the tenant is in the list of tenants. */
  isListed = false;
  #last: Promise<unknown> = Promise.resolve();

  get version(): Version {
    return this.#version;
  }

  /** The version as Redis has it. */
  get text(): string {
    return this.#text;
  }

  setVersion(version: Version): void {
    this.#version = version;
    this.#text = printVersion(version);
  }

  /** Runs `task` after all tasks before. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#last.then(task);
    this.#last = run.catch(() => undefined); // whoever asked for the task gets its failure
    return run;
  }
}
