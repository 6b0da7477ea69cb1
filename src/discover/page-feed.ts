/**
 * Feeds whole pages of routes into a layer of the table: what a page no longer lists goes.
 *
 * A page is taken over in short turns. What it adds comes first and what it takes away last, so
 * that an app whose route is renamed is never missed in between.
 */

import { everyTurn, type Pace } from '../clock.ts';
import { ownerOf } from './claims.ts';
import type { Endpoint } from './instance.ts';
import type { TableLayer } from './layer.ts';
import type { Page } from './page.ts';
import type { PageRoute } from './page-lines.ts';
import { parsePage } from './page-parser.ts';
import type { OnRefused, Refusal } from './refusal.ts';

/** How long the main thread works on a page at a stretch. */
const TURN_MS = 2;
const SETTLED_PER_TURN = 64;

export interface PageFeedOptions {
  readonly layer: TableLayer;
  readonly onRefused?: OnRefused | undefined;
  /**
   * A page lists less than half of the apps of the one before: it is believed if the next one does
   * too. Left out, each page is believed at once.
   */
  readonly onLoss?: ((loss: Loss) => void) | undefined;
}

/** How many apps a page lists, and how many the one before listed. */
export interface Loss {
  readonly apps: number;
  readonly appsBefore: number;
}

export class PageFeed {
  readonly #layer: TableLayer;
  readonly #onRefused: OnRefused;
  #digest: string | undefined;
  readonly #onLoss: PageFeedOptions['onLoss'];
  /** Of the page that was believed last. */
  #apps: number | undefined;
  /** The page before had lost so many apps that it was not believed. */
  #doubted = false;
  #last: Promise<unknown> = Promise.resolve();
  /** The routes of the last page, with what they said. */
  #routes = new Map<string, string | undefined>();

  constructor({ layer, onRefused, onLoss }: PageFeedOptions) {
    this.#layer = layer;
    this.#onLoss = onLoss;
    this.#onRefused = onRefused ?? (() => undefined);
  }

  /**
   * Makes the layer say what a page says. A page that equals the last one costs nothing.
   *
   * @param word - from the layer, asked for when the page was: what is newer than the page is
   * believed rather than the page
   * @returns whether it was another page than the last one
   * @throws {SourceError} when the page holds no table; the layer is then as it was
   */
  accept(page: Page, signal: AbortSignal, word = this.#layer.nextWord()): Promise<boolean> {
    return this.#alone(() => this.#accept(page, signal, word));
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

  async #accept({ blocks, digest }: Page, signal: AbortSignal, word: number): Promise<boolean> {
    if (digest === this.#digest) {
      this.#doubted = false;
      await this.#confirm(word, everyTurn(TURN_MS));
      return false;
    }
    const refused = new Set<Refusal>();
    const onRefused = (reason: Refusal, count: number): void => {
      refused.add(reason);
      this.#onRefused(reason, count);
    };
    const { routes, apps } = await parsePage(blocks, onRefused, signal);
    if (this.#doubts(apps)) return false;
    this.#digest = undefined; // until all of the page is taken over
    await this.#takeOver(routes, onRefused, { signal, word });
    // What found no room may find it with the same page later.
    if (!signal.aborted && !refused.has('too-many')) this.#digest = digest;
    return true;
  }

  async #takeOver(
    page: Iterable<PageRoute>,
    onRefused: OnRefused,
    { signal, word }: { readonly signal: AbortSignal; readonly word: number },
  ): Promise<void> {
    const pace = everyTurn(TURN_MS);
    const routes = new Map<string, string | undefined>();
    const gone: [route: string, addresses: readonly string[]][] = [];
    for (const one of page) {
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
    { route, digest, lists }: PageRoute,
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

/** What a page lists under one route at one address: the first, and one of another owner. */
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
