/**
 * Which values of some labels a group has, so that it is not asked for others.
 *
 * What is not known filters nothing. The filter spares requests; it is no border between tenants.
 */
import { type Clock, every } from '../../clock.ts';
import { compileMatcher } from '../../promql/evaluate/match.ts';
import type { Matcher } from '../../promql/evaluate/storage.ts';
import type { LabelFilterSettings } from './settings.ts';

/** Asks the servers of a group for the values of a label. */
export type AskValues = (label: string, signal: AbortSignal) => Promise<readonly string[]>;

export interface LabelFilterObservers {
  readonly onSync?: (outcome: 'success' | 'failure', durationMs: number) => void;
  readonly onFiltered?: () => void;
}

/** Values that are asked for only once are asked for again if that failed. */
const RETRY_MS = 5_000;

export class LabelFilter {
  readonly #settings: LabelFilterSettings;
  readonly #observers: LabelFilterObservers;
  readonly #values = new Map<string, ReadonlySet<string>>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isSynced = false;

  constructor(settings: LabelFilterSettings, observers: LabelFilterObservers = {}) {
    this.#settings = settings;
    this.#observers = observers;
    this.#take(new Map());
    this.#isSynced = settings.dynamicLabels.length === 0;
  }

  /** Whether the group can have series for the matchers. */
  allows(matchers: readonly Matcher[]): boolean {
    const isAllowed = this.#allows(matchers);
    if (!isAllowed) this.#observers.onFiltered?.();
    return isAllowed;
  }

  /** Begins to ask for values, if there are labels to ask for. */
  start(ask: AskValues, clock: Clock): void {
    const { dynamicLabels, syncIntervalMs } = this.#settings;
    if (dynamicLabels.length === 0) return;
    const { signal } = this.#stop;
    const sync = async (): Promise<void> => {
      if (this.#isSynced && syncIntervalMs === 0) return;
      const startedMs = clock.nowMs();
      try {
        const found = await Promise.all(
          dynamicLabels.map(async (label) => [label, await ask(label, signal)] as const),
        );
        this.#take(new Map(found));
        this.#isSynced = true;
        this.#observers.onSync?.('success', clock.nowMs() - startedMs);
      } catch {
        // The values from before stay; the observer counts the failure.
        this.#observers.onSync?.('failure', clock.nowMs() - startedMs);
      }
    };
    const pause = (): number => (this.#isSynced && syncIntervalMs > 0 ? syncIntervalMs : RETRY_MS);
    this.#running = every(pause, sync, { signal, clock, onError: () => undefined });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #allows(matchers: readonly Matcher[]): boolean {
    const { dynamicLabels, exclude, untilSynced } = this.#settings;
    if (!this.#isSynced && untilSynced === 'closed') return false;
    return matchers.every((matcher) => {
      const { name, op, value } = matcher;
      const { matches } = compileMatcher(matcher);
      // A series without the label matches too; whether there is one the values do not tell.
      if (matches('')) return true;
      if (!this.#isSynced && dynamicLabels.includes(name)) return true;
      const values = this.#values.get(name);
      if (values !== undefined) return [...values].some(matches);
      return !(op === '=' && (exclude[name] ?? []).includes(value));
    });
  }

  #take(found: ReadonlyMap<string, readonly string[]>): void {
    const { dynamicLabels, include, exclude } = this.#settings;
    for (const label of new Set([...dynamicLabels, ...Object.keys(include)])) {
      const values = new Set([...(found.get(label) ?? []), ...(include[label] ?? [])]);
      for (const excluded of exclude[label] ?? []) values.delete(excluded);
      this.#values.set(label, values);
    }
  }
}
