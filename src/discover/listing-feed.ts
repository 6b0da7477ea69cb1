/**
 * Feeds whole listings into a layer of the table, and removes what the newest listing lacks.
 *
 * The feed works in short turns. It adds first and removes last, so that an app whose route is
 * renamed never disappears in between.
 */

import { everyTurn, type Pace } from '../clock.ts';
import { ownerOf } from './claims.ts';
import type { Endpoint } from './instance.ts';
import type { TableLayer } from './layer.ts';
import type { Listing } from './listing.ts';
import type { ListingRoute } from './listing-lines.ts';
import { parseListing } from './listing-parser.ts';
import type { OnRefused, RefusedPiece } from './refusal.ts';

/** How long the main thread works on a listing before other work runs. */
const TURN_MS = 2;
const SETTLED_PER_TURN = 64;

export interface ListingFeedOptions {
  readonly layer: TableLayer;
  readonly onRefused?: OnRefused | undefined;
  /**
   * Called when a listing has less than half of the apps of the one before: the feed uses such a
   * listing only if the next one is as small. Without this observer the feed uses every listing.
   */
  readonly onLoss?: ((loss: Loss) => void) | undefined;
}

/** The number of apps in a listing, and in the listing before. */
export interface Loss {
  /** Of the CF API's lists the one that lost entries; undefined: the listing of the source. */
  readonly list?: 'apps' | 'processes' | 'routes';
  /** Apps, or entries of the list. */
  readonly apps: number;
  readonly appsBefore: number;
}

export class ListingFeed {
  readonly #layer: TableLayer;
  readonly #onRefused: OnRefused;
  #digest: string | undefined;
  readonly #onLoss: ListingFeedOptions['onLoss'];
  /** The number of apps in the last listing that the feed used. */
  #apps: number | undefined;
  /** Whether the feed left the last listing unused because it had lost too many apps. */
  #doubted = false;
  #last: Promise<unknown> = Promise.resolve();
  /** The routes of the last listing with their digests; undefined for an unknown digest. */
  #routes = new Map<string, string | undefined>();

  constructor({ layer, onRefused, onLoss }: ListingFeedOptions) {
    this.#layer = layer;
    this.#onLoss = onLoss;
    this.#onRefused = onRefused ?? (() => undefined);
  }

  /**
   * Makes the layer equal to a listing. A listing equal to the last one is not parsed again.
   *
   * @param word - what `layer.nextWord()` gave when the source asked for the listing, so that newer
   * claims of other layers win
   * @returns whether the feed took over a listing that differs from the last one
   * @throws {SourceError} when `listing` is no JSON object of routes; the layer stays unchanged
   */
  accept(listing: Listing, signal: AbortSignal, word = this.#layer.nextWord()): Promise<boolean> {
    return this.#alone(() => this.#accept(listing, signal, word));
  }

  /** Empties the layer, if `isDue` is still true when earlier changes have ended. */
  clear(isDue: () => boolean, signal: AbortSignal): Promise<void> {
    return this.#alone(async () => {
      if (this.#routes.size === 0 || !isDue()) return;
      this.#digest = undefined;
      this.#apps = undefined;
      this.#doubted = false;
      await this.#takeOver([], this.#onRefused, { signal, word: this.#layer.nextWord() });
    });
  }

  #doubts(apps: number): boolean {
    const appsBefore = this.#apps ?? 0;
    this.#doubted = this.#onLoss !== undefined && !this.#doubted && apps * 2 < appsBefore;
    if (this.#doubted) this.#onLoss?.({ apps, appsBefore });
    else this.#apps = apps;
    return this.#doubted;
  }

  /** Runs changes of the layer one after the other. */
  #alone<T>(task: () => Promise<T>): Promise<T> {
    const running = this.#last.then(task);
    this.#last = running.catch(() => undefined); // the caller gets the error from `running`
    return running;
  }

  async #accept({ blocks, digest }: Listing, signal: AbortSignal, word: number): Promise<boolean> {
    if (digest === this.#digest) {
      this.#doubted = false;
      await this.#confirm(word, everyTurn(TURN_MS));
      return false;
    }
    const refused = new Set<RefusedPiece>();
    const onRefused = (reason: RefusedPiece, count: number): void => {
      refused.add(reason);
      this.#onRefused(reason, count);
    };
    const { routes, apps } = await parseListing(blocks, onRefused, signal);
    if (this.#doubts(apps)) return false;
    this.#digest = undefined; // while the listing is taken over in part only
    await this.#takeOver(routes, onRefused, { signal, word });
    // Endpoints that found no room may find room when the same listing comes again.
    if (!signal.aborted && !refused.has('too-many')) this.#digest = digest;
    return true;
  }

  async #takeOver(
    listing: Iterable<ListingRoute>,
    onRefused: OnRefused,
    { signal, word }: { readonly signal: AbortSignal; readonly word: number },
  ): Promise<void> {
    const pace = everyTurn(TURN_MS);
    const routes = new Map<string, string | undefined>();
    const gone: [route: string, addresses: readonly string[]][] = [];
    for (const one of listing) {
      await pace();
      if (signal.aborted) return;
      const known = one.digest !== undefined && this.#routes.get(one.route) === one.digest;
      routes.set(one.route, known ? one.digest : await this.#put(one, { gone, onRefused, pace }));
    }
    for (const route of this.#routes.keys()) {
      await pace();
      if (!routes.has(route)) gone.push([route, this.#layer.addresses(route)]);
    }
    await this.#remove(gone, pace);
    this.#routes = routes;
    await this.#confirm(word, pace);
  }

  async #confirm(word: number, pace: Pace): Promise<void> {
    this.#layer.confirm(word);
    while (!this.#layer.settle(SETTLED_PER_TURN)) await pace();
  }

  /** @returns the route's digest; undefined when an endpoint of the route found no room */
  async #put(
    { route, digest, lists }: ListingRoute,
    work: { gone: [string, readonly string[]][]; onRefused: OnRefused; pace: Pace },
  ): Promise<string | undefined> {
    const listed = new Map<string, Listed>();
    for (const endpoints of lists()) {
      for (const endpoint of endpoints) note(listed, endpoint);
      await work.pace();
    }
    let complete = true;
    for (const { endpoint, rival } of listed.values()) {
      const refusal = this.#layer.put(route, endpoint, rival);
      if (refusal !== undefined) work.onRefused(refusal, 1);
      if (refusal === 'too-many') complete = false;
      await work.pace();
    }
    const before = this.#layer.addresses(route);
    const addresses = before.filter((address) => !listed.has(address));
    if (addresses.length > 0) work.gone.push([route, addresses]);
    return complete ? digest : undefined;
  }

  async #remove(gone: readonly [string, readonly string[]][], pace: Pace): Promise<void> {
    for (const [route, addresses] of gone) {
      for (const address of addresses) {
        this.#layer.remove(route, address);
        await pace();
      }
    }
  }
}

/** The endpoints of one route and address: the first, and one of another owner. */
interface Listed {
  readonly endpoint: Endpoint;
  readonly rival: Endpoint | undefined;
}

function note(listed: Map<string, Listed>, endpoint: Endpoint): void {
  const first = listed.get(endpoint.address)?.endpoint;
  if (!first) listed.set(endpoint.address, { endpoint, rival: undefined });
  else if (ownerOf(first) !== ownerOf(endpoint)) {
    listed.set(endpoint.address, { endpoint: first, rival: endpoint });
  }
}
