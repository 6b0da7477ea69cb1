/**
 * The health of a source, reported to the source's observers.
 */
import type { SourceObservers } from './source.ts';
import { type SourceError, toSourceError } from './source-error.ts';

export interface SourceWatch {
  /** Whether the source has ever succeeded. */
  readonly ready: boolean;
  /** Failures in a row. */
  readonly failures: number;
  succeeded(changed: boolean): void;
  failed(error: unknown): void;
}

/** Counts failures, and calls `onState` only when a source begins to work or begins to fail. */
export function watchSource(observers: SourceObservers): SourceWatch {
  let ready = false;
  let failures = 0;
  return {
    get ready() {
      return ready;
    },
    get failures() {
      return failures;
    },
    succeeded(changed) {
      const news = !ready || failures > 0;
      ready = true;
      failures = 0;
      observers.onSuccess?.(changed);
      if (news) observers.onState?.({ working: true });
    },
    failed(cause) {
      const error: SourceError = toSourceError(cause);
      failures += 1;
      observers.onFailure?.(error);
      if (failures === 1) observers.onState?.({ working: false, error });
    },
  };
}
