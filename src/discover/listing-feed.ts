/**
 * Feeds whole listings of routes into a layer of the table: what a listing no longer lists goes.
 *
 * A listing is taken over in short turns. What it adds comes first and what it takes away last, so
 * that an app whose route is renamed is never missed in between.
 */
import { ownerOf } from './claims.ts';
import type { Endpoint } from './instance.ts';
import type { TableLayer } from './layer.ts';
import type { Listing } from './listing.ts';
import type { ListingRoute } from './listing-lines.ts';
import { parseListing } from './listing-parser.ts';
import { everyTurn, type Pace } from './pace.ts';
import type { OnRefused, RefusedPiece } from './refusal.ts';

/** How long the main thread works on a listing at a stretch. */
const TURN_MS = 2;
const SETTLED_PER_TURN = 64;

export interface ListingFeedOptions {
  readonly layer: TableLayer;
  readonly onRefused?: OnRefused | undefined;
  /**
   * A listing lists less than half of the apps of the one before: it is believed if the next one does
   * too. Left out, each listing is believed at once.
   */
  readonly onLoss?: ((loss: Loss) => void) | undefined;
}

/** How many apps a listing lists, and how many the one before listed. */
export interface Loss {
  readonly apps: number;
  readonly appsBefore: number;
}

export class ListingFeed {
  readonly #layer: TableLayer;
  readonly #onRefused: OnRefused;
  #digest: string | undefined;
  readonly #onLoss: ListingFeedOptions['onLoss'];
  /** Of the listing that was believed last. */
  #apps: number | undefined;
  /** The listing before had lost so many apps that it was not believed. */
  #doubted = false;
  #last: Promise<unknown> = Promise.resolve();
  /** The routes of the last listing, with what they said. */
  #routes = new Map<string, string | undefined>();

  constructor({ layer, onRefused, onLoss }: ListingFeedOptions) {
    this.#layer = layer;
    this.#onLoss = onLoss;
    this.#onRefused = onRefused ?? (() => undefined);
  }

  /**
   * Makes the layer say what a listing says. A listing that equals the last one costs nothing.
   *
   * @param word - from the layer, asked for when the listing was: what is newer than the listing is
   * believed rather than the listing
   * @returns whether it was another listing than the last one
   * @throws {SourceError} when the listing holds no table; the layer is then as it was
   */
  accept(listing: Listing, signal: AbortSignal, word = this.#layer.nextWord()): Promise<boolean> {
    return this.#alone(() => this.#accept(listing, signal, word));
  }

  /** Takes out all that the layer lists, if `isDue` still says so when its turn has come. */
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

  /** One change of the layer at a time. */
  #alone<T>(task: () => Promise<T>): Promise<T> {
    const running = this.#last.then(task);
    this.#last = running.catch(() => undefined); // its caller is told
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
    this.#digest = undefined; // until all of the listing is taken over
    await this.#takeOver(routes, onRefused, { signal, word });
    // What found no room may find it with the same listing later.
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

  /** @returns the route's digest, unless something of it found no room */
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

/** What a listing lists under one route at one address: the first, and one of another owner. */
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
