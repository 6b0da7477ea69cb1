/**
 * The endpoints that were registered over NATS, pruned by gorouter's rules.
 *
 * Pure state; `nats-source.ts` brings messages and the time. An endpoint without TLS stays until
 * its threshold (`ttlSeconds`) passes without a register. An endpoint with TLS proves its identity
 * at every connection, so age alone does not remove it: the endpoint goes when a connection fails,
 * and is in doubt (must prove itself to a dial) when no register came for long.
 *
 * @see gorouter registry/registry.go, route/pool.go
 */
import { isProven, ownerOf } from './claims.ts';
import { sameEndpoint, sameIdentity } from './endpoint.ts';
import type { Endpoint } from './instance.ts';
import type { TableLayer } from './layer.ts';
import type { NatsMessage } from './nats-message.ts';
import type { RefusedPiece } from './refusal.ts';

export interface NatsRegistryOptions {
  readonly layer: TableLayer;
  /** Bound on entries: an endpoint counts once for each of its routes. */
  readonly maxEntries: number;
  /** Bound on the summed sizes of the entries' messages. */
  readonly maxBytes: number;
  /** A TLS endpoint without a register for so long is in doubt. */
  readonly doubtAfterMs: number;
}

/** An endpoint under one route. */
interface Entry {
  readonly endpoint: Endpoint;
  readonly sizeBytes: number;
  seenMs: number;
  /** `freshen` came after the last register. */
  isUnheard?: boolean;
}

/** Entries in doubt that one connection can prove. The table lacks them until `settleDoubt`. */
export interface Doubt {
  readonly endpoint: Endpoint;
  readonly entries: ReadonlyMap<string, Entry>;
}

export class NatsRegistry {
  readonly #options: NatsRegistryOptions;
  /** Entries by address, then by route. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  /** By address: the owner of its endpoints without a certificate. */
  readonly #plainOwners = new Map<string, string>();
  #size = 0;
  #sizeBytes = 0;
  /** Some may be unheard. */
  #hasUnheard = false;

  constructor(options: NatsRegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** The summed sizes of the entries' messages. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Stores the endpoint of a register message under its routes.
   *
   * @returns whether anything changed, and why each refused route was refused
   */
  register(
    { endpoint, routes, sizeBytes }: NatsMessage,
    nowMs: number,
  ): { readonly changed: boolean; readonly refusals: readonly RefusedPiece[] } {
    const refusals: RefusedPiece[] = [];
    let changed = this.#giveAway(endpoint);
    for (const route of routes) {
      const before = this.#entries.get(endpoint.address)?.get(route);
      const kept = before && sameEndpoint(before.endpoint, endpoint) ? before.endpoint : endpoint;
      const refusal = this.#room(before, sizeBytes) ?? this.#options.layer.put(route, kept);
      if (refusal === undefined) this.#set(route, { endpoint: kept, sizeBytes, seenMs: nowMs });
      else refusals.push(refusal);
      changed ||= refusal === undefined && kept !== before?.endpoint;
    }
    if (!this.#entries.has(endpoint.address)) this.#plainOwners.delete(endpoint.address);
    this.#options.layer.confirmAddress(endpoint.address);
    this.#options.layer.settle();
    return { changed, refusals };
  }

  /** Removes an endpoint from its routes; an entry of another owner than the message stays. */
  unregister({ endpoint, routes }: NatsMessage): void {
    const { address } = endpoint;
    const owner = ownerOf(endpoint);
    for (const route of routes) {
      const known = this.#entries.get(address)?.get(route);
      const isOthers = known && owner !== '' && ownerOf(known.endpoint) !== owner;
      if (!isOthers) this.#delete(address, route);
    }
    this.#options.layer.settle();
  }

  /**
   * Removes up to `limit` entries.
   *
   * @returns whether none is left
   */
  forget(limit: number): boolean {
    this.#forget(limit, () => true);
    return this.#entries.size === 0;
  }

  /**
   * Forgets up to `limit` entries that no register has named since `freshen`.
   *
   * @returns whether none is left
   */
  forgetUnheard(limit: number): boolean {
    if (!this.#hasUnheard) return true;
    this.#hasUnheard = !this.#forget(limit, ({ isUnheard = false }) => isUnheard);
    return !this.#hasUnheard;
  }

  /** @returns whether all such entries were found */
  #forget(limit: number, isMeant: (entry: Entry) => boolean): boolean {
    let left = limit;
    for (const [address, entries] of this.#entries) {
      for (const [route, entry] of entries) {
        if (!isMeant(entry)) continue;
        if (left-- <= 0) break;
        this.#delete(address, route);
      }
      if (left < 0) break;
    }
    this.#options.layer.settle();
    return left >= 0;
  }

  /** Restarts the age of all entries, since no register could arrive while NATS was away. */
  freshen(nowMs: number): void {
    this.#hasUnheard = true;
    for (const entries of this.#entries.values()) {
      for (const entry of entries.values()) {
        entry.seenMs = nowMs;
        entry.isUnheard = true;
      }
    }
  }

  /**
   * Removes the endpoints without TLS that were not registered again in time.
   *
   * @returns how many entries were removed
   */
  prune(nowMs: number): number {
    const before = this.#size;
    for (const [address, entries] of this.#entries) {
      for (const [route, { endpoint, seenMs }] of entries) {
        if (!endpoint.tls && nowMs - seenMs > endpoint.ttlSeconds * 1000) {
          this.#delete(address, route);
        }
      }
    }
    this.#options.layer.settle();
    return before - this.#size;
  }

  /**
   * Removes a TLS endpoint, to which a connection failed, until its next register.
   *
   * @param identity - the name that its certificate should have carried; default: any name
   * @returns how many entries were removed
   */
  fail(address: string, identity?: string): number {
    const before = this.#size;
    for (const [route, { endpoint }] of this.#entries.get(address) ?? []) {
      const meant = identity === undefined || identity === endpoint.serverCertDomainSan;
      if (endpoint.tls && meant) this.#delete(address, route);
    }
    this.#options.layer.settle();
    return before - this.#size;
  }

  /** Takes up to `limit` endpoints in doubt out of the table; pass each to `settleDoubt`. */
  takeDoubts(nowMs: number, limit: number): Doubt[] {
    const doubts: Doubt[] = [];
    for (const entries of this.#entries.values()) {
      if (doubts.length === limit) break;
      const doubt = this.#doubtOf(entries, nowMs);
      if (doubt) doubts.push(doubt);
    }
    for (const { endpoint, entries } of doubts) {
      for (const route of entries.keys()) this.#options.layer.remove(route, endpoint.address);
    }
    this.#options.layer.settle();
    return doubts;
  }

  /**
   * Lists the entries of a doubt again if `believed`, else removes them. Entries that were
   * registered in the meantime stay.
   *
   * @returns how many entries were removed
   */
  settleDoubt({ endpoint, entries }: Doubt, believed: boolean, nowMs: number): number {
    const before = this.#size;
    for (const [route, entry] of entries) {
      if (this.#entries.get(endpoint.address)?.get(route) !== entry) continue;
      const listed = believed && this.#options.layer.put(route, entry.endpoint) === undefined;
      if (listed) entry.seenMs = nowMs;
      else this.#delete(endpoint.address, route);
    }
    this.#options.layer.settle();
    return before - this.#size;
  }

  #doubtOf(entries: ReadonlyMap<string, Entry>, nowMs: number): Doubt | undefined {
    const old = [...entries].filter(
      ([, { endpoint, seenMs }]) => endpoint.tls && nowMs - seenMs >= this.#options.doubtAfterMs,
    );
    const endpoint = old[0]?.[1].endpoint;
    if (!endpoint) return undefined;
    const alike = old.filter(([, entry]) => sameIdentity(entry.endpoint, endpoint));
    return { endpoint, entries: new Map(alike) };
  }

  /**
   * A register without a certificate makes its instance the owner of the address. Deletes earlier
   * owners' entries there; entries with a certificate stay, since they prove their owner.
   *
   * @returns whether the owner changed
   */
  #giveAway(endpoint: Endpoint): boolean {
    const { address } = endpoint;
    const owner = ownerOf(endpoint);
    const before = this.#plainOwners.get(address);
    const isGiven = before !== undefined && before !== owner;
    if (isGiven) this.#deletePlain(address);
    if (!isProven(endpoint)) this.#plainOwners.set(address, owner);
    return isGiven;
  }

  #deletePlain(address: string): void {
    this.#plainOwners.delete(address);
    for (const [route, { endpoint }] of this.#entries.get(address) ?? []) {
      if (!isProven(endpoint)) this.#delete(address, route);
    }
  }

  #room(before: Entry | undefined, sizeBytes: number): RefusedPiece | undefined {
    const { maxEntries, maxBytes } = this.#options;
    const size = this.#size + (before ? 0 : 1);
    const bytes = this.#sizeBytes + sizeBytes - (before?.sizeBytes ?? 0);
    return size > maxEntries || bytes > maxBytes ? 'too-many' : undefined;
  }

  #set(route: string, entry: Entry): void {
    const { address } = entry.endpoint;
    const entries = this.#entries.get(address) ?? new Map<string, Entry>();
    const before = entries.get(route);
    this.#size += before ? 0 : 1;
    this.#sizeBytes += entry.sizeBytes - (before?.sizeBytes ?? 0);
    this.#entries.set(address, entries.set(route, entry));
  }

  #delete(address: string, route: string): void {
    const entries = this.#entries.get(address);
    const entry = entries?.get(route);
    if (!entries || !entry) return;
    entries.delete(route);
    if (entries.size === 0) {
      this.#entries.delete(address);
      this.#plainOwners.delete(address);
    }
    this.#size -= 1;
    this.#sizeBytes -= entry.sizeBytes;
    this.#options.layer.remove(route, address);
  }
}
