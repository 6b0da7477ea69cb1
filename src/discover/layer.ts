/**
 * A layer of the route table: the endpoints that one source lists.
 *
 * Readers see each change at once. Only `settle` reports departures, so that an address or an app
 * that moves from one route to another within one change never counts as gone.
 */
import type { Endpoint } from './instance.ts';
import type { RefusedPiece } from './refusal.ts';

export interface TableLayer {
  /**
   * Lists an endpoint under a route, or updates the listed one.
   *
   * @param route - as `routeKey` gives it
   * @param rival - another endpoint that the source lists under the same route and address
   * @returns why the table refused the endpoint; undefined when the table took it
   */
  put(route: string, endpoint: Endpoint, rival?: Endpoint): RefusedPiece | undefined;
  remove(route: string, address: string): void;
  /** The addresses that this layer lists under a route. */
  addresses(route: string): string[];
  /** A number for `confirm` that is newer than every earlier confirmation of any layer. */
  nextWord(): number;
  /** The source confirmed all that the layer lists at `word`. Takes effect with `settle`. */
  confirm(word: number): void;
  /** The source has just confirmed what the layer lists of this address. */
  confirmAddress(address: string): void;
  /**
   * Tells the table's observers what left the table. The source calls this at the end of a change.
   *
   * @param limit - how many departures this call handles; default: all
   * @returns whether none is left
   */
  settle(limit?: number): boolean;
}
