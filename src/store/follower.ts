/**
 * Polls a store for changes of bindings, so that this replica knows all changes up to its last
 * poll.
 *
 * Only one poll runs at a time. Scrapes wait for no poll. A request with an unknown token waits for
 * a poll that begins after the request arrived.
 */
import type { BindingStore, Changes, Seen } from '../../broker/binding-store.ts';
import { every, sleep } from '../clock.ts';

export interface FollowerOptions {
  readonly store: Pick<BindingStore, 'changesSince' | 'onChange'>;
  /** Applies changes to the bindings in memory. Must not throw. */
  readonly apply: (changes: Changes) => void;
  /** A poll failed, after a successful poll or as the first poll. */
  readonly onAway: (error: unknown) => void;
  /** A poll succeeded after a failed poll. */
  readonly onBack: () => void;
  /** Pause between two polls, unless a caller asks for one sooner. Default: 1 s. */
  readonly everyMs?: number;
  /** Shortest pause between two polls, even if a caller asks. Default: 50 ms. */
  readonly atLeastMs?: number;
}

export class Follower implements AsyncDisposable {
  readonly #options: FollowerOptions;
  /** Resolves after the first poll, to whether it succeeded. */
  readonly first: Promise<boolean>;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #seen: Seen | undefined;
  #seenMs: number | undefined;
  #away = false;
  #isBehind = false;
  #hints = 0;
  /** Ends the pause before the next poll. */
  #wake = new AbortController();
  /** Resolves after the next poll, to whether it succeeded. */
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
    options.store.onChange?.(() => this.hint());
  }

  /** Milliseconds since the last successful poll began; undefined when there was none. */
  get ageMs(): number | undefined {
    return this.#seenMs === undefined ? undefined : performance.now() - this.#seenMs;
  }

  /**
   * Whether the store is known to hold changes that no poll has read. A failed poll ends that too:
   * how long bindings may be trusted without the store is decided by their age.
   */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Polls soon, since the store may have changed. */
  hint(): void {
    this.#isBehind = true;
    this.#hints += 1;
    this.#wake.abort();
  }

  /** Polls soon. @returns whether a poll that began after this call succeeded */
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

  /** @returns whether the poll succeeded */
  async #poll(): Promise<boolean> {
    const { store, apply, onAway, onBack } = this.#options;
    const beganMs = performance.now();
    const seenHints = this.#hints;
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
    } finally {
      if (this.#hints === seenHints) this.#isBehind = false;
    }
  }
}
