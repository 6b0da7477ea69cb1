/**
 * The raw bytes in flight over the whole program: never more than `scrape.max_bytes`.
 *
 * Each fetch has an account that it lets grow before it reads on; each scrape has a lease, which
 * holds what its fetches have taken until the response is written. Where there is no room a fetch
 * waits. Room is shared as slots are in `pool.ts`: a space stops where it holds `SHARE` times what
 * is free (alone 4/5 of all, two of them 4/9 each, …), so that newcomers always find some.
 *
 * Why nothing waits for ever: bytes come back when a fetch that waits for nothing ends, or when a
 * response is written. While there is one or the other, waiting has a use. When there is neither,
 * every lease waits for bytes that others of the waiting hold; then the youngest lease's last
 * fetch in the queue is refused (`over-budget`) and gives back its part, and so on until somebody
 * can go on. So the oldest scrapes come to their end whole. A fetch that could not get room even
 * alone, because what its own scrape already keeps is too much, is refused at once.
 *
 * Deadlines and readers that leave are not known here: those who wait may close at any time.
 */
import { type Linked, LinkedList } from './linked-list.ts';

export interface BudgetOptions {
  /** `scrape.max_bytes` */
  readonly maxBytes: number;
}

/** Who waits for bytes. Called later, never within `grow`. Must not throw. */
export interface BytesClaim {
  bytesGranted(): void;
  bytesRefused(): void;
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

/** What one scrape holds. Dispose of it when the response has been written. */
export class Lease implements Disposable {
  readonly accounts = new Set<Account>();
  /** Bytes of fetches that have ended: they come back with the lease, not before. */
  keptBytes = 0;
  fetched = false;
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /**
   * Holds bytes besides those fetched, what is made of the pages, until the lease ends.
   *
   * @returns whether there is room for them now
   */
  charge(space: string, bytes: number): boolean {
    const account = this.#budget.open(this, space, NOBODY);
    const granted = this.#budget.grow(account, bytes) === 'granted';
    if (granted) this.#budget.keep(account, bytes);
    else this.#budget.close(account);
    return granted;
  }

  [Symbol.dispose](): void {
    this.#budget.release(this);
  }
}

/** Does not wait for bytes. */
const NOBODY: BytesClaim = { bytesGranted: () => undefined, bytesRefused: () => undefined };

class Space implements Linked<Space> {
  list: LinkedList<Space> | undefined;
  before: Space | undefined;
  after: Space | undefined;
  bytes = 0;
  /** Accounts of it, whoever's lease they are in: 0 means it can be forgotten. */
  accounts = 0;
  /** Who waits, by lease. */
  readonly waiting = new Map<Lease, LinkedList<Account>>();
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** How many times the free bytes a space may hold. */
const SHARE = 4;

export class Budget {
  readonly #maxBytes: number;
  readonly #spaces = new Map<string, Space>();
  readonly #waitingSpaces = new LinkedList<Space>();
  /** In the order of their age. */
  readonly #leases = new Set<Lease>();
  #usedBytes = 0;
  #waiting = 0;
  /** Open accounts that do not wait. */
  #active = 0;
  /** Leases that only wait for their response to be written. */
  #writing = 0;
  #serving = false;

  constructor({ maxBytes }: BudgetOptions) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** How many fetches wait for bytes. */
  get waiting(): number {
    return this.#waiting;
  }

  /** For tests that nothing is left behind. */
  get remembered(): { readonly leases: number; readonly spaces: number } {
    return { leases: this.#leases.size, spaces: this.#spaces.size };
  }

  /** What one fetch alone can have at most. */
  get mostBytes(): number {
    return Math.floor((this.#maxBytes * SHARE) / (SHARE + 1));
  }

  lease(): Lease {
    const lease = new Lease(this);
    this.#leases.add(lease);
    return lease;
  }

  /** An account for one fetch, empty at first. */
  open(lease: Lease, spaceName: string, claim: BytesClaim): Account {
    let space = this.#spaces.get(spaceName);
    if (!space) {
      space = new Space(spaceName);
      this.#spaces.set(spaceName, space);
    }
    const account = new Account(lease, space, claim);
    space.accounts++;
    lease.accounts.add(account);
    this.#active++;
    if (!this.#leases.has(lease)) this.close(account); // too late: it can only be refused
    return account;
  }

  /**
   * Lets an account that does not wait grow to `bytes`.
   *
   * @returns `granted`; `refused`: never; `waiting`: the claim will be told
   */
  grow(account: Account, bytes: number): 'granted' | 'waiting' | 'refused' {
    const { lease, space } = account;
    if (!account.open || lease.keptBytes + bytes > this.mostBytes) return 'refused';
    if (space.waiting.size === 0 && this.#fits(account, bytes)) {
      this.#take(account, bytes - account.bytes);
      return 'granted';
    }
    this.#wait(account, bytes);
    // Never at once: whoever asks is not ready to be told before it has its answer.
    queueMicrotask(() => this.#serve());
    return 'waiting';
  }

  /** The fetch has a page of `bytes`, no more than it held: they stay with the lease. */
  keep(account: Account, bytes: number): void {
    if (!account.open) return;
    this.#end(account);
    this.#take(account, bytes - account.bytes);
    account.lease.keptBytes += bytes;
    this.#serve();
  }

  /** The fetch has failed: what it held is free again. Later calls do nothing. */
  close(account: Account): void {
    if (!account.open) return;
    this.#end(account);
    this.#drop(account);
    this.#serve();
  }

  /** All fetches of the scrape have ended; its response is being written. */
  fetched(lease: Lease): void {
    if (lease.fetched || !this.#leases.has(lease)) return;
    lease.fetched = true;
    this.#writing++;
    this.#serve();
  }

  /** Frees all that the lease holds, open accounts too. */
  release(lease: Lease): void {
    if (!this.#leases.delete(lease)) return;
    if (lease.fetched) this.#writing--;
    for (const account of lease.accounts) {
      if (account.open) this.#end(account);
      this.#drop(account);
    }
    lease.keptBytes = 0;
    this.#serve();
  }

  #fits(account: Account, bytes: number): boolean {
    const more = bytes - account.bytes;
    const free = this.#maxBytes - this.#usedBytes - more;
    return free >= 0 && account.space.bytes + more <= free * SHARE;
  }

  #take(account: Account, more: number): void {
    account.bytes += more;
    account.space.bytes += more;
    this.#usedBytes += more;
  }

  #drop(account: Account): void {
    this.#take(account, -account.bytes);
    account.lease.accounts.delete(account);
    if (--account.space.accounts === 0) this.#spaces.delete(account.space.name);
  }

  #end(account: Account): void {
    if (account.list) this.#leaveQueue(account);
    account.open = false;
    this.#active--;
  }

  #wait(account: Account, bytes: number): void {
    const { lease, space } = account;
    let queue = space.waiting.get(lease);
    if (!queue) {
      queue = new LinkedList();
      space.waiting.set(lease, queue);
    }
    account.wanted = bytes;
    if (account.bytes > 0)
      queue.unshift(account); // what has begun is ended first
    else queue.push(account);
    if (!space.list) this.#waitingSpaces.push(space);
    this.#waiting++;
    this.#active--;
  }

  #leaveQueue(account: Account): void {
    const { lease, space } = account;
    account.list?.remove(account);
    if (space.waiting.get(lease)?.size === 0) space.waiting.delete(lease);
    if (space.waiting.size === 0 && space.list) this.#waitingSpaces.remove(space);
    this.#waiting--;
    this.#active++;
  }

  /** Gives out what is free, space after space; refuses somebody if nobody could ever go on. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#waiting > 0) {
        if (this.#grantNext()) continue;
        if (this.#active > 0 || this.#writing > 0 || !this.#refuseLast()) break;
      }
    } finally {
      this.#serving = false;
    }
  }

  #grantNext(): boolean {
    for (let turns = this.#waitingSpaces.size; turns > 0; turns--) {
      const space = this.#waitingSpaces.rotate();
      const account = space && this.#firstOf(space);
      if (!account || !this.#fits(account, account.wanted)) continue;
      this.#leaveQueue(account);
      this.#take(account, account.wanted - account.bytes);
      account.claim.bytesGranted();
      return true;
    }
    return false;
  }

  /** The oldest waiting lease's first in the queue. */
  #firstOf(space: Space): Account | undefined {
    if (space.waiting.size === 1) return space.waiting.values().next().value?.first;
    for (const lease of this.#leases) {
      const queue = space.waiting.get(lease);
      if (queue) return queue.first;
    }
    return undefined;
  }

  #refuseLast(): boolean {
    const account = this.#lastWaiting();
    if (!account) return false;
    this.#leaveQueue(account);
    account.claim.bytesRefused();
    this.close(account);
    return true;
  }

  /** The youngest waiting lease's last in the queue. */
  #lastWaiting(): Account | undefined {
    for (const lease of [...this.#leases].reverse()) {
      for (const account of [...lease.accounts].reverse()) {
        if (account.list) return account.list.last;
      }
    }
    return undefined;
  }
}
