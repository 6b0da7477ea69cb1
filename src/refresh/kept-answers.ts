/**
 * The answers that a cache keeps, bounded in bytes: the answer used longest ago goes first.
 *
 * The last good answer is kept beside the last failure, so that a failure never displaces an answer
 * that may still go out as stale. Tags find answers for a purge.
 */
import { LRUCache } from 'lru-cache';
import type { Kind } from './life.ts';

/** What a load gives. */
export interface Loaded<V> {
  readonly value: V;
  readonly kind: Kind;
  /** What the value counts against the bound. */
  readonly sizeBytes: number;
  /** The target's own bound on the ttl: it may shorten the life, never lengthen it. */
  readonly maxTtlMs?: number | undefined;
}

export interface Stored<V> {
  readonly loaded: Loaded<V>;
  /** When its load began. */
  readonly atMs: number;
  /** When it is of no use any more. */
  readonly endMs: number;
}

/** What is kept of one key. */
export interface Entry<V> {
  /** Those of all requests that the answer went to, up to a bound. */
  readonly tags: Set<string>;
  readonly good: Stored<V> | undefined;
  readonly failure: Stored<V> | undefined;
}

/** For values with memory of their own: the number of those who hold a value. Must not throw. */
export interface Holding<V> {
  retain(value: V): void;
  release(value: V): void;
}

export interface KeptAnswersOptions<V> {
  readonly maxBytes: number;
  readonly holding?: Holding<V> | undefined;
  /** An answer was dropped for want of room. Must not throw. */
  readonly onEvicted?: (() => void) | undefined;
}

/** The memory of an entry without its values. */
const ENTRY_BYTES = 512;

/** Bound on the tags of one answer, beside those of the request that loaded it. */
const MAX_TAGS = 64;

/** More than one, so that answers go faster than they come. */
const LOOKS = 3;

export class KeptAnswers<V> {
  readonly #entries: LRUCache<string, Entry<V>>;
  readonly #tagged = new Map<string, Set<string>>();
  readonly #holding: Holding<V> | undefined;

  constructor({ maxBytes, holding, onEvicted }: KeptAnswersOptions<V>) {
    this.#holding = holding;
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: sizeOf,
      dispose: (entry, key, reason) => {
        this.#untag(key, entry);
        this.#release(entry);
        if (reason === 'evict') onEvicted?.();
      },
    });
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Entry<V> | undefined {
    return this.#entries.get(key);
  }

  /** Keeps an answer, unless it alone is larger than the bound, or a later load has ended before. */
  keep(key: string, asked: Iterable<string>, stored: Stored<V>): void {
    const isGood = stored.loaded.kind === 'good';
    const before = this.#entries.peek(key);
    if (before && Math.max(beganMs(before.good), beganMs(before.failure)) > stored.atMs) return;
    const good = isGood ? stored : before?.good;
    const tags = new Set(asked);
    addTags(tags, before?.tags ?? []);
    const entry: Entry<V> = { tags, good, failure: isGood ? undefined : stored };
    for (const value of valuesOf(entry)) this.#holding?.retain(value);
    this.#entries.set(key, entry); // drops the entry before; does not take one beyond the bound
    if (this.#entries.peek(key) === entry) for (const tag of tags) addTo(this.#tagged, tag, key);
    else this.#release(entry);
  }

  /** Lets a purge find a kept answer by further tags. */
  addTags(key: string, tags: Iterable<string>): void {
    const entry = this.#entries.peek(key);
    if (!entry) return;
    for (const tag of addTags(entry.tags, tags)) addTo(this.#tagged, tag, key);
  }

  drop(key: string): void {
    this.#entries.delete(key);
  }

  /**
   * Drops answers that are of no use any more, among the few that were used longest ago: called with
   * each new answer, that keeps the memory of answers that nobody reads any more small.
   */
  dropEnded(nowMs: number): void {
    const oldest = [...this.#entries.rkeys().take(LOOKS)];
    for (const key of oldest) {
      const entry = this.#entries.peek(key);
      if (entry && endOf(entry) <= nowMs) this.#entries.delete(key);
    }
  }

  /** @returns how many answers are gone */
  dropTagged(tag: string): number {
    const keys = [...(this.#tagged.get(tag) ?? [])];
    for (const key of keys) this.#entries.delete(key);
    return keys.length;
  }

  /** @returns how many answers are gone */
  dropAll(): number {
    const count = this.#entries.size;
    this.#entries.clear();
    return count;
  }

  #release(entry: Entry<V>): void {
    for (const value of valuesOf(entry)) this.#holding?.release(value);
  }

  #untag(key: string, { tags }: Entry<V>): void {
    for (const tag of tags) {
      const keys = this.#tagged.get(tag);
      if (keys?.delete(key) && keys.size === 0) this.#tagged.delete(tag);
    }
  }
}

function valuesOf<V>({ good, failure }: Entry<V>): V[] {
  return [good, failure].flatMap((one) => (one === undefined ? [] : [one.loaded.value]));
}

/** @returns the tags that are new */
export function addTags(known: Set<string>, tags: Iterable<string>): string[] {
  const added: string[] = [];
  for (const tag of tags) {
    if (known.has(tag) || known.size >= MAX_TAGS) continue;
    known.add(tag);
    added.push(tag);
  }
  return added;
}

function beganMs(stored: Stored<unknown> | undefined): number {
  return stored?.atMs ?? Number.NEGATIVE_INFINITY;
}

function endOf<V>({ good, failure }: Entry<V>): number {
  return Math.max(good?.endMs ?? 0, failure?.endMs ?? 0);
}

function sizeOf<V>({ good, failure }: Entry<V>): number {
  return ENTRY_BYTES + (good?.loaded.sizeBytes ?? 0) + (failure?.loaded.sizeBytes ?? 0);
}

function addTo(index: Map<string, Set<string>>, tag: string, key: string): void {
  const keys = index.get(tag);
  if (keys) keys.add(key);
  else index.set(tag, new Set([key]));
}
