/**
 * The bytes that fetches, scrapes and spaces hold of the byte budget. Only `budget.ts`, `ledger.ts`
 * and `waiting-line.ts` change them.
 */
import { type Linked, LinkedList } from './linked-list.ts';

/** The methods of the budget that a lease calls. */
interface LeaseBudget {
  open(lease: Lease, spaceName: string, claim: BytesClaim): Account;
  grow(account: Account, bytes: number): 'granted' | 'waiting' | 'refused';
  keep(account: Account, bytes: number): void;
  close(account: Account): void;
  giveBack(lease: Lease, spaceName: string, bytes: number): void;
  shrink(lease: Lease, bytes: number): void;
  lend(lease: Lease, mostBytes: number): number;
  release(lease: Lease): void;
}

/** A fetch that waits for bytes. The budget never calls it within `grow`. Must not throw. */
export interface BytesClaim {
  bytesGranted(): void;
  bytesRefused(): void;
}

/** The scrape that owns a lease. Must not throw. */
export interface LeaseHolder {
  /**
   * Scrapes before it need the bytes of the lease: the holder must end its fetches and drop its
   * pages, and then call `Budget.restart` to give the bytes back.
   */
  revoked(): void;
  /** No fetch of the lease waits for bytes any more. */
  waitsNoMore(): void;
}

/** The bytes that one fetch holds. Made by `Budget.open`; opaque to its callers. */
export class Account implements Linked<Account> {
  list: LinkedList<Account> | undefined;
  before: Account | undefined;
  after: Account | undefined;
  bytes = 0;
  /** How many bytes a waiting account wants to hold in all. */
  wanted = 0;
  open = true;
  readonly lease: Lease;
  readonly space: Space;
  readonly claim: BytesClaim;

  constructor(lease: Lease, space: Space, claim: BytesClaim) {
    this.lease = lease;
    this.space = space;
    this.claim = claim;
  }
}

let leases = 0;

/** The bytes that one scrape holds. Dispose of it when the response has been written. */
export class Lease implements Disposable {
  /** The open accounts of the scrape. */
  readonly accounts = new Set<Account>();
  /** The waiting accounts; those that hold bytes come first. */
  readonly waiting = new LinkedList<Account>();
  /** How many open accounts do not wait. */
  active = 0;
  /** All bytes of the lease: those of accounts, kept and reserved. */
  bytes = 0;
  /** Bytes of complete pages by space, held until the lease ends or `giveBack` frees them. */
  readonly kept = new Map<Space, number>();
  keptBytes = 0;
  /** Bytes reserved for the lease's accounts in its home space. */
  reservedBytes = 0;
  /** Bytes that the lease held and wanted when the budget revoked it. */
  neededBytes = 0;
  /** Whether the budget revoked the lease, and still waits for its bytes. */
  returning = false;
  fetched = false;
  /** Whether nothing may wait any more: the budget refuses what does not fit at once. */
  expired = false;
  /** The space of its first fetch. */
  home: Space | undefined;
  /** The number of its turn, given when it becomes the oldest scrape of its home space. */
  turn = Number.POSITIVE_INFINITY;
  readonly age = ++leases;
  holder: LeaseHolder | undefined;
  readonly #budget: LeaseBudget;

  constructor(budget: LeaseBudget) {
    this.#budget = budget;
  }

  /** Whether any fetch of the lease waits for bytes. */
  get waits(): boolean {
    return this.waiting.size > 0;
  }

  /** Whether `other` comes before this lease. */
  isBehind(other: Lease): boolean {
    if (this.turn !== other.turn) return this.turn > other.turn;
    return this.age > other.age;
  }

  /**
   * Charges bytes that the merge makes of the pages to the lease, until the lease ends. Waits until
   * there is room.
   *
   * @returns false if there will be no room, or none before the deadline
   */
  charge(space: string, bytes: number): boolean | Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const account: Account = this.#budget.open(this, space, {
      bytesGranted: () => {
        this.#budget.keep(account, bytes);
        resolve(true);
      },
      bytesRefused: () => resolve(false),
    });
    const room = this.#budget.grow(account, bytes);
    if (room === 'granted') this.#budget.keep(account, bytes);
    else if (room === 'refused' || this.expired) this.#budget.close(account);
    else return promise;
    return room === 'granted';
  }

  /** Frees up to `bytes` that the lease keeps for pages of `space`. */
  giveBack(space: string, bytes: number): void {
    this.#budget.giveBack(this, space, bytes);
  }

  /**
   * Borrows bytes beside those of the pages, which `shrink` will soon give back. Never waits.
   *
   * @returns how many bytes; 0 if too few are free now
   */
  lend(mostBytes: number): number {
    return this.#budget.lend(this, mostBytes);
  }

  /** Frees all kept bytes except `bytes`. */
  shrink(bytes: number): void {
    this.#budget.shrink(this, bytes);
  }

  [Symbol.dispose](): void {
    this.#budget.release(this);
    this.holder = undefined;
  }
}

export class Space {
  bytes = 0;
  /** How many accounts are open in the space and leases at home; 0 if it can be forgotten. */
  users = 0;
  /** Leases at home in the space whose scrapes still fetch, the oldest first. */
  readonly homes = new Set<Lease>();
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}
