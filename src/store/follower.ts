/**
 * Follows the changes of a store: what replicas know of bindings is never older than its last poll.
 *
 * One poll at a time. Scrapes wait for none; an unknown token does, for one that began after it came.
 */
import type { BindingStore, Changes, Seen } from '../../broker/binding-store.ts';
import { every, sleep } from '../clock.ts';

export interface FollowerOptions {
  readonly store: Pick<BindingStore, 'changesSince' | 'onChange'>;
  /** Takes what has changed. Must not throw. */
  readonly apply: (changes: Changes) => void;
  /** A poll failed; the first after one that did not, or the first of all. */
  readonly onAway: (error: unknown) => void;
  /** A poll succeeded; the first after one that failed. */
  readonly onBack: () => void;
  /** From poll to poll, when nobody asks for one. Standard: 1 s. */
  readonly everyMs?: number;
  /** Polls that somebody waits for are this far apart at least. Standard: 50 ms. */
  readonly atLeastMs?: number;
}

export class Follower implements AsyncDisposable {
  readonly #options: FollowerOptions;
  /** Whether the first poll was successful, once it has ended. */
  readonly first: Promise<boolean>;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #seen: Seen | undefined;
  #seenMs: number | undefined;
  #away = false;
  /** Ends the pause before the next poll. */
  #wake = new AbortController();
  /** Those who wait for the next poll. */
  #next = Promise.withResolvers<boolean>();

  constructor(options: FollowerOptions) {
    const { everyMs = 1000, atLeastMs = 50, onAway } = options;
    this.#options = options;
    this.first = this.#next.promise;
    this.#wake.abort(); // nothing is waited for before the first poll
    this.#running = every(atLeastMs, () => this.#pollNext(everyMs - atLeastMs), {
      signal: this.#stop.signal,
      onError: onAway,
    });
    options.store.onChange?.(() => this.#wake.abort());
  }

  /** How long ago the last successful poll began; undefined when there was none. */
  get ageMs(): number | undefined {
    return this.#seenMs === undefined ? undefined : performance.now() - this.#seenMs;
  }

  /** @returns whether a poll that began after this call was successful, once it has ended */
  refresh(): Promise<boolean> {
    const { promise } = this.#next;
    this.#wake.abort();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
    this.#next.resolve(false);
  }

  /** Polls when `pauseMs` have passed, or as soon as somebody waits for a poll. */
  async #pollNext(pauseMs: number): Promise<void> {
    await sleep(pauseMs, this.#wake.signal);
    if (this.#stop.signal.aborted) return;
    const waiting = this.#next;
    this.#next = Promise.withResolvers();
    this.#wake = new AbortController();
    waiting.resolve(await this.#poll());
  }

  /** @returns whether it was successful */
  async #poll(): Promise<boolean> {
    const { store, apply, onAway, onBack } = this.#options;
    const beganMs = performance.now();
    try {
      const changes = await store.changesSince(this.#seen);
      apply(changes);
      this.#seen = { revision: changes.revision, mark: changes.mark };
      this.#seenMs = beganMs;
      if (this.#away) onBack();
      this.#away = false;
      return true;
    } catch (error) {
      if (!this.#away && !this.#stop.signal.aborted) onAway(error);
      this.#away = true;
      return false;
    }
  }
}
