/**
 * What fetches, scrapes and spaces hold of the byte budget. `budget.ts` alone changes it.
 */
import { type Linked, LinkedList } from './linked-list.ts';

/** What a lease asks of the budget. */
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

/** Who waits for bytes. Called later, never within `grow`. Must not throw. */
export interface BytesClaim {
  bytesGranted(): void;
  bytesRefused(): void;
}

/** Who fetches for a lease. Must not throw. */
export interface LeaseHolder {
  /**
   * All that the lease holds is wanted by those before it: its fetches are to end, its pages to be
   * forgotten; then `Budget.restart` takes the bytes back.
   */
  revoked(): void;
  /** None of its fetches waits for bytes any more. */
  waitsNoMore(): void;
}

/** What one fetch holds. Made by `Budget.open`; opaque to others. */
export class Account implements Linked<Account> {
  list: LinkedList<Account> | undefined;
  before: Account | undefined;
  after: Account | undefined;
  bytes = 0;
  /** How many bytes it waits to have. */
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

/** What one scrape holds. Dispose of it when the response has been written. */
export class Lease implements Disposable {
  /** Accounts that are open. */
  readonly accounts = new Set<Account>();
  /** Those of them that wait; what has begun stands first. */
  readonly waiting = new LinkedList<Account>();
  /** How many of them do not wait. */
  active = 0;
  /** All that is held: by accounts, kept and reserved. */
  bytes = 0;
  /** Of pages that have come, by their space: they come back with the lease, or by `giveBack`. */
  readonly kept = new Map<Space, number>();
  keptBytes = 0;
  /** Set aside for its accounts in its home. */
  reservedBytes = 0;
  /** What it held, and wanted, when it had to give all back. */
  neededBytes = 0;
  /** It was told to give all back, and has not done so yet. */
  returning = false;
  fetched = false;
  /** Its deadline has passed: what does not fit at once is refused. */
  expired = false;
  /** The space of its first fetch. */
  home: Space | undefined;
  /** Since when it is the oldest of its home. */
  turn = Number.POSITIVE_INFINITY;
  readonly age = ++leases;
  holder: LeaseHolder | undefined;
  readonly #budget: LeaseBudget;

  constructor(budget: LeaseBudget) {
    this.#budget = budget;
  }

  /** Whether some of its fetches wait for bytes. */
  get waits(): boolean {
    return this.waiting.size > 0;
  }

  /** Whether the other comes before it. */
  isBehind(other: Lease): boolean {
    if (this.turn !== other.turn) return this.turn > other.turn;
    return this.age > other.age;
  }

  /**
   * Holds bytes besides those fetched, what is made of the pages, until the lease ends. Waits until
   * there is room for them.
   *
   * @returns false when there will be none, or none in time
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

  /** Bytes of pages in `space` that are not needed any more are free again. */
  giveBack(space: string, bytes: number): void {
    this.#budget.giveBack(this, space, bytes);
  }

  /**
   * Takes bytes beside those of its pages, which are soon not needed any more: `shrink` says when. Never waits.
   *
   * @returns how many; 0 where there are too few now
   */
  lend(mostBytes: number): number {
    return this.#budget.lend(this, mostBytes);
  }

  /** Of its pages no more than `bytes` are needed. */
  shrink(bytes: number): void {
    this.#budget.shrink(this, bytes);
  }

  [Symbol.dispose](): void {
    this.#budget.release(this);
  }
}

export class Space {
  bytes = 0;
  /** Open accounts in it, and leases at home in it: 0 means it can be forgotten. */
  users = 0;
  /** Scrapes at home in it that still fetch, in the order of their age. */
  readonly homes = new Set<Lease>();
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}
