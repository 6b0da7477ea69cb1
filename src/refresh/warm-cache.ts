/**
 * Answers kept warm: single flight, a life in stages, and a bound in bytes.
 *
 * The cache is given a `load` with each request and knows nothing of HTTP or metrics. It keeps the
 * last good answer beside the last failure, so that a failure never displaces an answer that may
 * still be served as stale.
 */
import { LRUCache } from 'lru-cache';
import type { Timers } from '../clock.ts';
import { type Landed, LateError, type Load, type Run, type Waiter } from './flight.ts';
import { endOf, type Kind, type Life, type NegativeLife, negativeTtlMs, stageOf } from './life.ts';
import { SingleFlight } from './single-flight.ts';

/** What a load gives. */
export interface Loaded<V> {
  readonly value: V;
  readonly kind: Kind;
  /** What the value counts against the bound. */
  readonly sizeBytes: number;
  /** The target's own bound on the ttl: it may shorten the life, never lengthen it. */
  readonly maxTtlMs?: number | undefined;
}

export interface Ask<V> extends Waiter {
  readonly load: Load<Loaded<V>>;
  readonly life: Life;
  /** By what a purge finds the answer. */
  readonly tags: readonly string[];
  /** Whether a kept answer may still go out. One that may not is dropped. Default: it may. */
  readonly isValid?: ((value: V) => boolean) | undefined;
}

/**
 * Where an answer came from: `hit` fresh from the cache, `stale` beyond its ttl, `miss` by its own
 * load, `shared` by a load that another request began, `late` from a load that had not ended.
 */
export type From = 'hit' | 'stale' | 'miss' | 'shared' | 'late';

export interface Kept<V> {
  readonly value: V;
  readonly kind: Kind;
  readonly from: From;
  /** Since the load of the answer began. */
  readonly ageMs: number;
  /** How long the answer stays fresh; negative for a stale one. */
  readonly freshMs: number;
}

export interface WarmCacheOptions<V> {
  readonly maxBytes: number;
  readonly negative: NegativeLife;
  readonly timers: Timers;
  /** Values with memory of their own: `retain` is called for each holder, `release` when it ends. */
  readonly holding?: Holding<V> | undefined;
  /** A load in the background failed by a mistake of ours. Must not throw. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** An answer was dropped for want of room. Must not throw. */
  readonly onEvicted?: (() => void) | undefined;
}

export interface Holding<V> {
  retain(value: V): void;
  release(value: V): void;
}

interface Stored<V> {
  readonly loaded: Loaded<V>;
  /** When its load began. */
  readonly atMs: number;
}

interface Entry<V> {
  readonly tags: readonly string[];
  readonly life: Life;
  readonly good: Stored<V> | undefined;
  readonly failure: Stored<V> | undefined;
}

/** Of an entry without its values. */
const ENTRY_BYTES = 512;

export class WarmCache<V> {
  readonly #options: WarmCacheOptions<V>;
  readonly #flights: SingleFlight<Loaded<V>>;
  readonly #entries: LRUCache<string, Entry<V>>;
  readonly #tagged = new Map<string, Set<string>>();
  /** Counts purges: a load that began before the last one is not kept. */
  #purges = 0;

  constructor(options: WarmCacheOptions<V>) {
    const { holding, timers, maxBytes, onEvicted } = options;
    this.#options = options;
    this.#flights = new SingleFlight({
      timers,
      retain: holding && ((loaded) => holding.retain(loaded.value)),
      release: holding && ((loaded) => holding.release(loaded.value)),
    });
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

  /** How many keys are being loaded. */
  get loading(): number {
    return this.#flights.size;
  }

  /**
   * Answers from the cache, or loads. The caller releases the value if the cache holds values.
   *
   * @throws {LateError} at the waiter's deadline if there is nothing to give, the reason of its
   *   signal, or what the load threw
   */
  async get(key: string, ask: Ask<V>): Promise<Kept<V>> {
    const entry = this.#valid(key, ask);
    const good = entry && this.#kept(entry.good, ask.life);
    if (good?.stage === 'fresh') return this.#give(good, 'hit');
    if (good?.stage === 'stale') {
      this.#revalidate(key, ask);
      return this.#give(good, 'stale');
    }
    const failure = entry && this.#rememberedFailure(entry);
    if (failure) return good ? this.#give(good, 'stale') : this.#give(failure, 'hit');
    return this.#load(key, ask);
  }

  /** Loads now, whatever is kept: for refreshes. The value goes to the cache alone. */
  async refresh(key: string, ask: Ask<V>): Promise<Kind> {
    const { value, kind } = await this.#fly(key, ask);
    this.#options.holding?.release(value);
    return kind;
  }

  /** Whether a fresh or stale answer of this key is kept. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  drop(key: string): void {
    this.#entries.delete(key);
    this.#flights.close(key);
  }

  /** @returns how many answers are gone; loads that are under way are not kept either */
  purge(tag: string): number {
    this.#purges++;
    this.#flights.closeAll();
    const keys = [...(this.#tagged.get(tag) ?? [])];
    for (const key of keys) this.#entries.delete(key);
    return keys.length;
  }

  purgeAll(): number {
    this.#purges++;
    this.#flights.closeAll();
    const count = this.#entries.size;
    this.#entries.clear();
    return count;
  }

  #valid(key: string, { isValid }: Ask<V>): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    const value = entry?.good?.loaded.value;
    if (value === undefined || isValid === undefined || isValid(value)) return entry;
    this.drop(key);
    return undefined;
  }

  #kept(stored: Stored<V> | undefined, life: Life) {
    if (stored === undefined) return undefined;
    const ageMs = this.#options.timers.nowMs() - stored.atMs;
    const ttlMs = Math.min(life.ttlMs, stored.loaded.maxTtlMs ?? Number.POSITIVE_INFINITY);
    const stage = stageOf(ageMs, { ...life, ttlMs });
    return stage === 'gone' ? undefined : { ...stored, stage, ageMs, freshMs: ttlMs - ageMs };
  }

  #rememberedFailure({ failure }: Entry<V>) {
    if (failure === undefined) return undefined;
    const ageMs = this.#options.timers.nowMs() - failure.atMs;
    const freshMs = negativeTtlMs(failure.loaded.kind, this.#options.negative) - ageMs;
    return freshMs > 0 ? { ...failure, ageMs, freshMs } : undefined;
  }

  #give(
    { loaded, ageMs, freshMs }: Stored<V> & { readonly ageMs: number; readonly freshMs: number },
    from: From,
  ): Kept<V> {
    const { value, kind } = loaded;
    this.#options.holding?.retain(value);
    return { value, kind, from, ageMs, freshMs };
  }

  /** Loads in the background; the load may take as long as the waiter's would. */
  #revalidate(key: string, ask: Ask<V>): void {
    if (this.#flights.isFlying(key)) return;
    const { timers } = this.#options;
    const deadlineMs = Math.max(ask.deadlineMs, timers.nowMs());
    const unattended = { deadlineMs, signal: new AbortController().signal };
    this.refresh(key, { ...ask, ...unattended, hurry: undefined }).catch((error: unknown) => {
      if (!(error instanceof LateError)) this.#options.onError?.(error);
    });
  }

  /** Loads; a good answer that is still kept goes out as stale if the load fails. */
  async #load(key: string, ask: Ask<V>): Promise<Kept<V>> {
    let loaded: Kept<V>;
    try {
      loaded = await this.#fly(key, ask);
    } catch (error) {
      const good = error instanceof LateError ? this.#staleIfError(key, ask) : undefined;
      if (good) return this.#give(good, 'stale');
      throw error;
    }
    if (loaded.kind === 'good' || loaded.kind === 'denied') return loaded;
    const good = this.#staleIfError(key, ask);
    if (!good) return loaded;
    this.#options.holding?.release(loaded.value);
    return this.#give(good, 'stale');
  }

  #staleIfError(key: string, ask: Ask<V>) {
    const entry = this.#valid(key, ask);
    return entry && this.#kept(entry.good, ask.life);
  }

  async #fly(key: string, ask: Ask<V>): Promise<Kept<V>> {
    const { timers } = this.#options;
    const beganMs = timers.nowMs();
    const landed = await this.#flights.get(key, ask, (run) => this.#run(key, ask, run));
    const { value, kind } = landed.value;
    const ageMs = timers.nowMs() - beganMs;
    return { value, kind, from: fromOf(landed), ageMs, freshMs: ask.life.ttlMs - ageMs };
  }

  async #run(key: string, ask: Ask<V>, run: Run<Loaded<V>>): Promise<Loaded<V>> {
    const atMs = this.#options.timers.nowMs();
    const purges = this.#purges;
    const loaded = await ask.load(run);
    if (loaded.kind === 'uncacheable') this.#flights.keepApart(key);
    if (purges === this.#purges) this.#keep(key, ask, { loaded, atMs });
    return loaded;
  }

  #keep(key: string, { life, tags }: Ask<V>, stored: Stored<V>): void {
    const { kind } = stored.loaded;
    const before = this.#entries.get(key);
    if (kind === 'uncacheable' || kind === 'denied') {
      this.#entries.delete(key);
      return;
    }
    const isGood = kind === 'good';
    const keptMs = isGood ? endOf(life) : negativeTtlMs(kind, this.#options.negative);
    if (keptMs <= 0) return;
    const entry: Entry<V> = {
      ...{ tags, life },
      good: isGood ? stored : before?.good,
      failure: isGood ? undefined : stored,
    };
    for (const one of valuesOf(entry)) this.#options.holding?.retain(one);
    this.#entries.set(key, entry); // drops the entry before; does not take one beyond the bound
    if (this.#entries.peek(key) === entry) for (const tag of tags) addTo(this.#tagged, tag, key);
    else this.#release(entry);
  }

  #release(entry: Entry<V>): void {
    for (const value of valuesOf(entry)) this.#options.holding?.release(value);
  }

  #untag(key: string, { tags }: Entry<V>): void {
    for (const tag of tags) {
      const keys = this.#tagged.get(tag);
      if (keys?.delete(key) && keys.size === 0) this.#tagged.delete(tag);
    }
  }
}

function fromOf<V>({ how }: Landed<V>): From {
  return how === 'own' ? 'miss' : how;
}

function valuesOf<V>({ good, failure }: Entry<V>): V[] {
  return [good, failure].flatMap((one) => (one === undefined ? [] : [one.loaded.value]));
}

function sizeOf<V>({ good, failure }: Entry<V>): number {
  return ENTRY_BYTES + (good?.loaded.sizeBytes ?? 0) + (failure?.loaded.sizeBytes ?? 0);
}

function addTo(index: Map<string, Set<string>>, tag: string, key: string): void {
  const keys = index.get(tag);
  if (keys) keys.add(key);
  else index.set(tag, new Set([key]));
}
