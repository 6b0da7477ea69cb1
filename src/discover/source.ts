/**
 * Where routes come from: what gorouter, NATS and the file have in common.
 */
import type { Loss } from './page-feed.ts';
import type { OnRefused } from './refusal.ts';
import type { SourceError } from './source-error.ts';

/** A running source. Disposing of it ends its work; what it listed stays in the table. */
export interface RouteSource extends AsyncDisposable {
  /** For logs and labels: the kind and, without credentials, where it reads from. */
  readonly name: string;
  /** False until the source has given its first whole table. */
  readonly ready: boolean;
  /** Whether it says now what the whole table is. */
  readonly works: boolean;
  /** For how long it has been failing since it last worked; undefined when it never did. */
  readonly ageMs: number | undefined;
  /**
   * Takes out of the table what only this source lists. It is listed again when the source says so.
   *
   * @param isDue - asked again before anything is taken out: the source may work by then
   */
  lapse(isDue: () => boolean): Promise<void>;
}

/** Observers that every source calls. */
export interface SourceObservers {
  /** A whole table was read, or a message taken over; `changed` is false when it said nothing new. */
  readonly onSuccess?: ((changed: boolean) => void) | undefined;
  /** The source gave nothing that could be used: called at each failure. */
  readonly onFailure?: ((error: SourceError) => void) | undefined;
  /** The source works again, or no longer: called once per change, first when it is known. */
  readonly onState?: ((state: SourceState) => void) | undefined;
  /** A table lost so many apps that it is believed only if the next one says the same. */
  readonly onLoss?: ((loss: Loss) => void) | undefined;
  /** Pieces of what the source told were left out. */
  readonly onRefused?: OnRefused | undefined;
}

type SourceState =
  | { readonly working: true }
  | { readonly working: false; readonly error: SourceError };
