/**
 * The interface that the route sources gorouter, NATS and file share.
 */
import type { Loss } from './listing-feed.ts';
import type { OnRefused } from './refusal.ts';
import type { SourceError } from './source-error.ts';
import type { DeclaredEndpoint, Target } from './target.ts';

/** A running source. Disposal ends its work; its routes stay in the table. */
export interface RouteSource extends AsyncDisposable {
  /** Kind and address without credentials, for logs and metric labels. */
  readonly name: string;
  /** False until the source has given its first whole listing. */
  readonly ready: boolean;
  /** Whether the source now knows all its routes and is not failing. */
  readonly works: boolean;
  /** Milliseconds since the source last worked, 0 while it works; undefined if it never did. */
  readonly ageMs: number | undefined;
  /**
   * Empties this source's layer of the table, until the source lists its routes again.
   *
   * @param isDue - called again before anything is removed, since the source may work by then
   */
  lapse(isDue: () => boolean): Promise<void>;
  /**
   * Tells the source that a scrape could not reach an endpoint, or met another instance there.
   *
   * @param address - the endpoint's address
   * @param identity - the `serverCertDomainSan` that the scrape expected; endpoints with another
   * name at this address stay
   */
  reportFailure?(address: string, identity?: string): void;
  /**
   * Asks for the stats of a process, unless they are known or already asked for. Afterwards the
   * table holds what the source learned of the process's ports. Never rejects.
   */
  wantStats?(processId: string): Promise<void>;
  /** The latest word on an instance; undefined if the source does not know it any more. */
  targetOf?(target: Target): Target | undefined;
  /** What annotations and registrations of an app declare; the same object while nothing changes. */
  declaredOf?(appId: string): readonly DeclaredEndpoint[] | undefined;
}

/** Why the source removed endpoints: too old, a failed scrape, or a failed dial. */
export type PruneReason = 'stale' | 'failed' | 'unproven';

/** Observers that every source calls. */
export interface SourceObservers {
  /** The source took over a listing or message; `changed` is false if nothing was new. */
  readonly onSuccess?: ((changed: boolean) => void) | undefined;
  /** The source failed; called at each failure. */
  readonly onFailure?: ((error: SourceError) => void) | undefined;
  /** The source begins to work or begins to fail; called once per change. */
  readonly onState?: ((state: SourceState) => void) | undefined;
  /** A listing lost so many apps that the source uses it only if the next one agrees. */
  readonly onLoss?: ((loss: Loss) => void) | undefined;
  /** The source refused routes, endpoints or messages. */
  readonly onRefused?: OnRefused | undefined;
  /** The source removed endpoints that no emitter had unregistered. */
  readonly onPruned?: ((reason: PruneReason, count: number) => void) | undefined;
}

type SourceState =
  | { readonly working: true }
  | { readonly working: false; readonly error: SourceError };
