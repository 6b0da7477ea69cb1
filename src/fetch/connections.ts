/**
 * Keeps connections from scrape to scrape, up to a bound over all addresses.
 *
 * A connection is used again only for the same address and identity, since another instance may
 * listen there. The connections of an address are closed when it leaves the table. Pure
 * bookkeeping: `undici-connection.ts` makes a connection, `undici.ts` sends a GET over it.
 */
import type { Get, Receiver } from './get.ts';
import { LenientGet } from './lenient.ts';
import type { ScrapeTarget } from './target.ts';
import { Exchange } from './undici.ts';
import {
  Connection,
  type ConnectionOptions,
  type ConnectionSource,
  type Origin,
} from './undici-connection.ts';

export interface ConnectionsOptions {
  /** `containers` and `identity` are by default as `system`. */
  readonly trust: Pick<ConnectionOptions['trust'], 'instances' | 'system'> &
    Partial<ConnectionOptions['trust']>;
  readonly connectTimeoutMs?: number;
  readonly lookup?: ConnectionOptions['lookup'];
  readonly idleTimeoutMs?: number;
  /** Bound on idle connections over all addresses: beyond it the one idle for longest closes. */
  readonly maxIdle?: number;
  /** Called for each response that only the lenient parser could read. Must not throw. */
  readonly onLenient?: (lenient: LenientAnswer) => void;
  /** Bound on open connections: a new one beyond it closes the one idle for longest. */
  readonly maxOpen?: number | undefined;
  /** Called each time the process has no descriptor left for a connection. Must not throw. */
  readonly onNoDescriptors?: (() => void) | undefined;
}

/** A response that the strict parser refuses and the lenient parser has read. */
export interface LenientAnswer {
  readonly address: string;
  /** The strict parser's message; undefined where the address was remembered. */
  readonly because: string | undefined;
}

/** Bound on remembered addresses; the oldest goes. */
const MAX_LENIENT = 65_536;

export class Connections implements ConnectionSource, AsyncDisposable {
  readonly #options: ConnectionOptions;
  readonly #maxIdle: number;
  readonly #maxOpen: number;
  readonly #onNoDescriptors: (() => void) | undefined;
  readonly #origins = new Map<string, Origin>();
  /** Places whose responses only the lenient parser reads, the newest last. */
  readonly #lenient = new Set<string>();
  readonly #onLenient: ConnectionsOptions['onLenient'];
  readonly #closing = new Set<Promise<void>>();
  /** The idle connections, the one idle for longest first. */
  readonly #idleConnections = new Set<Connection>();
  #idle = 0;
  #busy = 0;
  #closed = false;

  constructor({
    trust,
    connectTimeoutMs = 2000,
    lookup,
    idleTimeoutMs = 90_000,
    maxIdle = 8192,
    onLenient,
    maxOpen = Number.POSITIVE_INFINITY,
    onNoDescriptors,
  }: ConnectionsOptions) {
    const onClosed = (connection: Connection): void => {
      if (connection.idles) this.#closeIdle(connection);
    };
    const { system } = trust;
    const trusts = { containers: system, identity: system, ...trust };
    this.#options = { trust: trusts, lookup, connectTimeoutMs, idleTimeoutMs, onClosed };
    this.#maxIdle = maxIdle;
    this.#onLenient = onLenient;
    this.#maxOpen = maxOpen;
    this.#onNoDescriptors = onNoDescriptors;
  }

  /** How many connections are idle, and how many carry a GET. */
  get sizes(): { readonly idle: number; readonly busy: number } {
    return { idle: this.#idle, busy: this.#busy };
  }

  /**
   * Asks `target` for `path`, with `headers` (flat: name, value, …; `Host` is one of them).
   *
   * A connection that turns out to have died while it idled is replaced once by a new one.
   */
  get(target: ScrapeTarget, path: string, headers: readonly string[], receiver: Receiver): Get {
    const isLenient = !target.http2 && this.#lenient.has(placeOf(target));
    return isLenient
      ? this.getLeniently(target, path, headers, { receiver, because: undefined })
      : new Exchange(this, target, path, headers, receiver);
  }

  /**
   * Like `get`, with the lenient parser on a connection of its own. Remembers an address with a
   * response that only the lenient parser reads; forgets it when that parser refuses one too.
   */
  getLeniently(
    target: ScrapeTarget,
    path: string,
    headers: readonly string[],
    { receiver, because }: { readonly receiver: Receiver; readonly because: string | undefined },
  ): Get {
    this.#busy++;
    const { address } = target;
    const place = placeOf(target);
    return new LenientGet(target, path, headers, receiver, {
      ...this.#options,
      onOver: (how) => {
        this.#busy--;
        if (how !== 'unknown') this.#lenient.delete(place);
        if (how !== 'read') return;
        this.#remember(place);
        this.#onLenient?.({ address, because });
      },
    });
  }

  /** Returns the latest connection to become idle that fits `target`, or a new one. */
  take(target: ScrapeTarget, fresh: boolean): Connection {
    const place = placeOf(target);
    let origin = this.#origins.get(place);
    if (!origin) {
      origin = { place, idle: [], busy: 0, forgotten: false };
      this.#origins.set(place, origin);
    }
    const found = fresh ? undefined : this.#findIdle(origin, target);
    const connection = found ?? new Connection(origin, target, this.#options);
    if (!found && this.#idle > 0 && this.#idle + this.#busy >= this.#maxOpen) this.#closeOldest();
    origin.busy++;
    this.#busy++;
    return connection;
  }

  /** Takes back a connection that another GET may use. */
  giveBack(connection: Connection): void {
    const { origin } = connection;
    const unwanted = this.#maxIdle === 0 || this.#closed || origin.forgotten;
    if (unwanted || connection.outdated) {
      this.discard(connection);
      return;
    }
    this.#busy--;
    this.#idle++;
    origin.busy--;
    origin.idle.push(connection);
    connection.idles = true;
    this.#idleConnections.add(connection);
    if (this.#idle > this.#maxIdle) this.#closeOldest();
  }

  /** Closes all idle connections, since the process needs their descriptors. */
  noDescriptors(): void {
    this.#onNoDescriptors?.();
    for (const connection of [...this.#idleConnections]) this.#closeIdle(connection);
  }

  /** Closes a busy connection that no other GET may use. */
  discard(connection: Connection): void {
    this.#busy--;
    connection.origin.busy--;
    this.#tidy(connection.origin);
    this.#close(connection);
  }

  /** The address left the table: closes its idle connections now, busy ones after their GET. */
  forget(address: string): void {
    this.#lenient.delete(address);
    const origin = this.#origins.get(address);
    if (!origin) return;
    origin.forgotten = true;
    for (const connection of [...origin.idle]) this.#closeIdle(connection);
    this.#origins.delete(address);
  }

  /** Closes idle connections, also those given back later, and waits until all are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const address of [...this.#origins.keys()]) this.forget(address);
    await Promise.all(this.#closing);
  }

  #remember(place: string): void {
    this.#lenient.add(place);
    if (this.#lenient.size <= MAX_LENIENT) return;
    for (const oldest of this.#lenient) {
      this.#lenient.delete(oldest);
      return;
    }
  }

  #findIdle({ idle }: Origin, target: ScrapeTarget): Connection | undefined {
    for (let i = idle.length - 1; i >= 0; i--) {
      const connection = idle[i]!; // the loop removes only entries from `i` on
      if (!connection.fits(target)) continue;
      this.#leaveIdle(connection);
      if (!connection.outdated) return connection;
      this.#close(connection);
    }
    return undefined;
  }

  #closeOldest(): void {
    for (const connection of this.#idleConnections) {
      this.#closeIdle(connection);
      return;
    }
  }

  #closeIdle(connection: Connection): void {
    this.#leaveIdle(connection);
    this.#tidy(connection.origin);
    this.#close(connection);
  }

  #close(connection: Connection): void {
    const closing = connection.close().then(() => {
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
  }

  #leaveIdle(connection: Connection): void {
    const { idle } = connection.origin;
    this.#idle--;
    connection.idles = false;
    this.#idleConnections.delete(connection);
    idle.splice(idle.indexOf(connection), 1);
  }

  #tidy(origin: Origin): void {
    if (origin.busy > 0 || origin.idle.length > 0 || origin.forgotten) return;
    this.#origins.delete(origin.place);
  }
}

/**
 * What shares connections: an address; at a router one route, since another app is behind each, and a
 * search among the connections of all would take long.
 */
function placeOf({ via, address, host }: ScrapeTarget): string {
  return via === 'gorouter' || via === 'identity' ? `${address} ${host}` : address;
}
