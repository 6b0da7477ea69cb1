/**
 * Answers kept warm: single flight, a life in stages, and a bound in bytes.
 *
 * The cache is given a `load` with each request and knows nothing of HTTP or metrics.
 */
import type { Timers } from '../clock.ts';
import { type Landed, LateError, type Load, type Run, type Waiter } from './flight.ts';
import {
  addTags,
  type Entry,
  KeptAnswers,
  type KeptAnswersOptions,
  type Loaded,
  type Stored,
} from './kept-answers.ts';
import { endOf, type Kind, type Life, type NegativeLife, negativeTtlMs, stageOf } from './life.ts';
import { SingleFlight } from './single-flight.ts';

export interface Ask<V> extends Waiter {
  readonly load: Load<Loaded<V>>;
  readonly life: Life;
  /** By what a purge finds the answer. */
  readonly tags: Iterable<string>;
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

export interface WarmCacheOptions<V> extends KeptAnswersOptions<V> {
  readonly negative: NegativeLife;
  readonly timers: Timers;
  /** A load in the background failed by a mistake of ours. Must not throw. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

interface RunningLoad {
  readonly key: string;
  /** Those of all who wait for it. */
  readonly tags: Set<string>;
  /** Set by a purge: the answer is not kept. */
  isVoid: boolean;
}

export class WarmCache<V> {
  readonly #options: WarmCacheOptions<V>;
  readonly #flights: SingleFlight<Loaded<V>>;
  readonly #answers: KeptAnswers<V>;
  readonly #loads = new Set<RunningLoad>();
  /** Key -> the load of it that began last. */
  readonly #latest = new Map<string, RunningLoad>();

  constructor(options: WarmCacheOptions<V>) {
    const { holding, timers } = options;
    this.#options = options;
    this.#flights = new SingleFlight({
      timers,
      retain: holding && ((loaded) => holding.retain(loaded.value)),
      release: holding && ((loaded) => holding.release(loaded.value)),
    });
    this.#answers = new KeptAnswers(options);
  }

  get bytes(): number {
    return this.#answers.bytes;
  }

  get size(): number {
    return this.#answers.size;
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
    const entry = this.#valid(key, ask.isValid);
    this.#answers.addTags(key, ask.tags);
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

  /** What `get` gives at once if it is fresh; undefined if `get` would load, or look closer. */
  fresh(
    key: string,
    { life, tags, isValid }: Pick<Ask<V>, 'life' | 'tags' | 'isValid'>,
  ): Kept<V> | undefined {
    const good = this.#kept(this.#valid(key, isValid)?.good, life);
    if (good?.stage !== 'fresh') return undefined;
    this.#answers.addTags(key, tags);
    return this.#give(good, 'hit');
  }

  /**
   * Loads now, whatever is kept: for refreshes. The value goes to the cache alone.
   *
   * @returns also `failed` if others wait for the load longer than `ask` does
   * @throws as `get`, but no `LateError`
   */
  async refresh(key: string, ask: Ask<V>): Promise<Kind> {
    try {
      const { value, kind } = await this.#fly(key, ask);
      this.#options.holding?.release(value);
      return kind;
    } catch (error) {
      if (error instanceof LateError) return 'failed';
      throw error;
    }
  }

  /** Whether anything is kept: a refresh of an answer that is too large would be of no use. */
  keeps(key: string): boolean {
    return this.#answers.get(key) !== undefined;
  }

  drop(key: string): void {
    this.#answers.drop(key);
    this.#flights.close(key);
  }

  /** @returns how many answers are gone; loads that are under way are not kept either */
  purge(tag: string): number {
    this.#forgetLoads(({ tags }) => tags.has(tag));
    return this.#answers.dropTagged(tag);
  }

  purgeAll(): number {
    this.#forgetLoads(() => true);
    return this.#answers.dropAll();
  }

  #forgetLoads(isMeant: (load: RunningLoad) => boolean): void {
    for (const load of this.#loads) {
      if (!isMeant(load)) continue;
      load.isVoid = true;
      this.#flights.close(load.key);
    }
  }

  #valid(key: string, isValid: Ask<V>['isValid']): Entry<V> | undefined {
    const entry = this.#answers.get(key);
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
    const { kind, maxTtlMs = Number.POSITIVE_INFINITY } = failure.loaded;
    const freshMs = Math.min(negativeTtlMs(kind, this.#options.negative), maxTtlMs) - ageMs;
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
    this.refresh(key, { ...ask, ...unattended, hurry: undefined }).catch((error: unknown) =>
      this.#options.onError?.(error),
    );
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
    const entry = this.#valid(key, ask.isValid);
    return entry && this.#kept(entry.good, ask.life);
  }

  async #fly(key: string, ask: Ask<V>): Promise<Kept<V>> {
    const { timers } = this.#options;
    const beganMs = timers.nowMs();
    const running = this.#latest.get(key);
    if (running) addTags(running.tags, ask.tags); // it may well be joined
    const landed = await this.#flights.get(key, ask, (run) => this.#run(key, ask, run));
    const { value, kind } = landed.value;
    const ageMs = timers.nowMs() - beganMs;
    return { value, kind, from: fromOf(landed), ageMs, freshMs: ask.life.ttlMs - ageMs };
  }

  async #run(key: string, ask: Ask<V>, run: Run<Loaded<V>>): Promise<Loaded<V>> {
    const atMs = this.#options.timers.nowMs();
    const running: RunningLoad = { key, tags: new Set(ask.tags), isVoid: false };
    this.#loads.add(running);
    this.#latest.set(key, running);
    try {
      const loaded = await ask.load(run);
      if (loaded.kind === 'uncacheable') this.#flights.keepApart(key);
      if (!running.isVoid) this.#keep(key, { ...ask, tags: running.tags }, loaded, atMs);
      return loaded;
    } finally {
      this.#loads.delete(running);
      if (this.#latest.get(key) === running) this.#latest.delete(key);
    }
  }

  #keep(key: string, { life, tags }: Ask<V>, loaded: Loaded<V>, atMs: number): void {
    const { kind } = loaded;
    if (kind === 'uncacheable' || kind === 'denied') {
      this.#answers.drop(key);
      return;
    }
    if (endOf(life) <= 0) return;
    const { negative, timers } = this.#options;
    const lastsMs = kind === 'good' ? endOf(life) : negativeTtlMs(kind, negative);
    if (lastsMs > 0) this.#answers.keep(key, tags, { loaded, atMs, endMs: atMs + lastsMs });
    this.#answers.dropEnded(timers.nowMs());
  }
}

function fromOf<V>({ how }: Landed<V>): From {
  return how === 'own' ? 'miss' : how;
}
