/**
 * The connections that are kept from scrape to scrape.
 *
 * By address, and among those of an address by identity, since what listens there may change. Up
 * to a bound over all; those of an address go when it leaves the table. Pure bookkeeping: what a
 * connection is, and how a GET goes over it, is `undici.ts`'s.
 */
import type { ScrapeTarget } from './target.ts';
import {
  Connection,
  type ConnectionOptions,
  type ConnectionSource,
  Exchange,
  type Origin,
  type Receiver,
} from './undici.ts';

export interface ConnectionsOptions {
  readonly trust: ConnectionOptions['trust'];
  readonly connectTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
  /**
   * How many are kept over the whole program. Beyond that, connections end with their GET: to
   * close one that idles instead would leave none to use again, when all are asked in turn.
   */
  readonly maxIdle?: number;
  /** How many may be open at once: for a new one that idles longest is closed. */
  readonly maxOpen?: number | undefined;
  /** The process has no descriptor left for a connection. Called each time; must not throw. */
  readonly onNoDescriptors?: (() => void) | undefined;
}

export class Connections implements ConnectionSource, AsyncDisposable {
  readonly #options: ConnectionOptions;
  readonly #maxIdle: number;
  readonly #maxOpen: number;
  readonly #onNoDescriptors: (() => void) | undefined;
  readonly #origins = new Map<string, Origin>();
  readonly #closing = new Set<Promise<void>>();
  /** Those that idle, the longest first. */
  readonly #idleConnections = new Set<Connection>();
  #idle = 0;
  #busy = 0;
  #closed = false;

  constructor({
    trust,
    connectTimeoutMs = 2000,
    idleTimeoutMs = 90_000,
    maxIdle = 8192,
    maxOpen = Number.POSITIVE_INFINITY,
    onNoDescriptors,
  }: ConnectionsOptions) {
    const onClosed = (connection: Connection): void => {
      if (connection.idles) this.#closeIdle(connection);
    };
    this.#options = { trust, connectTimeoutMs, idleTimeoutMs, onClosed };
    this.#maxIdle = maxIdle;
    this.#maxOpen = maxOpen;
    this.#onNoDescriptors = onNoDescriptors;
  }

  /** How many connections there are, by what they do. */
  get sizes(): { readonly idle: number; readonly busy: number } {
    return { idle: this.#idle, busy: this.#busy };
  }

  /**
   * Asks `target` for `path`, with `headers` (flat: name, value, …; `Host` is one of them).
   *
   * A connection that turns out to have died while it idled is replaced once by a new one.
   */
  get(
    target: ScrapeTarget,
    path: string,
    headers: readonly string[],
    receiver: Receiver,
  ): Exchange {
    return new Exchange(this, target, path, headers, receiver);
  }

  /** A connection for `target`: the one that idles since the shortest time, or a new one. */
  take(target: ScrapeTarget, fresh: boolean): Connection {
    let origin = this.#origins.get(target.address);
    if (!origin) {
      origin = { address: target.address, idle: [], busy: 0, forgotten: false };
      this.#origins.set(target.address, origin);
    }
    const found = fresh ? undefined : this.#findIdle(origin, target);
    const connection = found ?? new Connection(origin, target, this.#options);
    if (!found && this.#idle > 0 && this.#idle + this.#busy >= this.#maxOpen) this.#closeOldest();
    origin.busy++;
    this.#busy++;
    return connection;
  }

  /** Takes a connection back that may be used again. */
  giveBack(connection: Connection): void {
    const { origin } = connection;
    const full = this.#idle >= this.#maxIdle;
    if (full || this.#closed || origin.forgotten || connection.outdated) {
      this.discard(connection);
      return;
    }
    this.#busy--;
    this.#idle++;
    origin.busy--;
    origin.idle.push(connection);
    connection.idles = true;
    this.#idleConnections.add(connection);
  }

  /** Closes all that idle: others of the process need their descriptors. */
  noDescriptors(): void {
    this.#onNoDescriptors?.();
    for (const connection of [...this.#idleConnections]) this.#closeIdle(connection);
  }

  /** Ends a connection that is of no more use. */
  discard(connection: Connection): void {
    this.#busy--;
    connection.origin.busy--;
    this.#tidy(connection.origin);
    this.#close(connection);
  }

  /** The address left the table: its idle connections close now, busy ones after their GET. */
  forget(address: string): void {
    const origin = this.#origins.get(address);
    if (!origin) return;
    origin.forgotten = true;
    for (const connection of [...origin.idle]) this.#closeIdle(connection);
    this.#origins.delete(address);
  }

  /** Closes the idle connections, those given back later too, and waits for all that close. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const address of [...this.#origins.keys()]) this.forget(address);
    await Promise.all(this.#closing);
  }

  #findIdle({ idle }: Origin, target: ScrapeTarget): Connection | undefined {
    for (let i = idle.length - 1; i >= 0; i--) {
      const connection = idle[i]!; // only entries from `i` on are taken out below
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
    this.#origins.delete(origin.address);
  }
}
