/**
 * A layer of the route table: what one source lists, apart from what the others do.
 *
 * Changes are seen by readers at once; that something is gone is told only by `settle`, so that
 * an address or an app that moves from one route to another within one change never counts as gone.
 */
import type { Endpoint } from './instance.ts';
import type { RefusedPiece } from './refusal.ts';

export interface TableLayer {
  /**
   * Lists an endpoint under a route, or takes over what is new of it.
   *
   * @param route - as `routeKey` gives it
   * @param rival - another endpoint that the source lists under the same route and address
   * @returns why it was refused, undefined when it was not
   */
  put(route: string, endpoint: Endpoint, rival?: Endpoint): RefusedPiece | undefined;
  remove(route: string, address: string): void;
  /** The addresses that this layer lists under a route. */
  addresses(route: string): string[];
  /** A word for `confirm`: newer than all that any layer has said so far. */
  nextWord(): number;
  /** The source said all that the layer lists at `word`. Takes effect with `settle`. */
  confirm(word: number): void;
  /** The source has just said what the layer lists of this address. */
  confirmAddress(address: string): void;
  /**
   * Tells the table's observers what left it: called once a change is whole.
   *
   * @param limit - how many are told at most; all, when left out
   * @returns whether all are told
   */
  settle(limit?: number): boolean;
}
