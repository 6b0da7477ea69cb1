/**
 * The raw bytes in flight over the whole program: never more than `scrape.max_bytes`.
 *
 * Each fetch has an account that it lets grow before it reads on; each scrape has a lease
 * (`lease.ts`), which holds what its fetches have taken until that part of the response is written.
 * Where there is no room a fetch waits. Four rules say who gets what is free:
 *
 * - **Share.** A space stops where it holds `SHARE` times what is free (alone 4/5 of all, two of
 *   them 4/9 each, …), so that newcomers always find some.
 * - **Small.** A scrape that holds little in all gets room beyond the share of its space: a small
 *   app does not wait for a large one of the same space.
 * - **First.** The oldest scrape of each space is its head. The head that has waited its turn
 *   longest gets all but a reserve; while it waits, what comes free goes to it and to small ones.
 * - **Give back.** Where that head would find room if those who wait behind it let go of theirs,
 *   the last of them give all of it back. They begin again when there is room for what they held.
 *
 * Why nothing waits for ever: what a head waits for is held by fetches that wait for nothing, by
 * responses that are being written, which end, or by those who wait behind it, who give it back.
 * What a scrape could not have even alone is refused (`over-budget`): a page that is too much beside
 * what the scrape keeps, or the last page of a scrape all of whose pages wait.
 *
 * Deadlines and readers that leave are not known here: those who wait may close at any time.
 */
import { Account, type BytesClaim, Lease, Space } from './lease.ts';

export interface BudgetOptions {
  /** `scrape.max_bytes` */
  readonly maxBytes: number;
}

/** `granted`; `refused`: never; `waiting`: the claim will be told. */
export type Room = 'granted' | 'waiting' | 'refused';

/** How many times the free bytes a space may hold, without its small scrapes. */
const SHARE = 4;
/** A scrape is small while it holds this part of the free bytes at most. */
const SMALL = 4;
/** The part of all bytes that is left to newcomers, whoever waits. */
const RESERVE = 16;
/**
 * The same as `SHARE`, with the small scrapes: they may take half of the reserve beside a head of their space
 * that has all but the reserve. The other half is left to other spaces.
 */
const SHARE_WITH_SMALL = 2 * RESERVE - 1;
/** With less than this nothing is zipped: it is what the streams hold anyway. */
const LEAST_LOAN_BYTES = 131_072;

export class Budget {
  readonly #maxBytes: number;
  readonly #reserveBytes: number;
  readonly #spaces = new Map<string, Space>();
  readonly #leases = new Set<Lease>();
  /** In the order in which they began to wait. */
  readonly #waitingLeases = new Set<Lease>();
  readonly #returning = new Set<Lease>();
  #usedBytes = 0;
  #waiting = 0;
  #turns = 0;
  #serving = false;

  constructor({ maxBytes }: BudgetOptions) {
    this.#maxBytes = maxBytes;
    this.#reserveBytes = Math.floor(maxBytes / RESERVE);
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

  /** What one scrape alone can have at most. */
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
    const account = new Account(lease, this.#space(spaceName), claim);
    account.space.users++;
    lease.accounts.add(account);
    lease.active++;
    if (!this.#leases.has(lease))
      this.close(account); // too late: it can only be refused
    else if (lease.home === undefined) this.#settleIn(lease, account.space);
    return account;
  }

  /** Lets an account that does not wait grow to `bytes`. */
  grow(account: Account, bytes: number): Room {
    const { lease } = account;
    if (!account.open || lease.returning) return 'refused';
    if (lease.keptBytes + bytes > this.mostBytes) return 'refused';
    const more = bytes - account.bytes;
    if (lease.waiting.size === 0 && this.#fits(account, more, this.#firstHead())) {
      this.#take(account, more);
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
    const { lease, space } = account;
    this.#end(account);
    this.#take(account, bytes - account.bytes);
    lease.keptBytes += bytes;
    lease.kept.set(space, (lease.kept.get(space) ?? 0) + bytes);
    this.#serve();
  }

  /** The fetch has failed: what it held is free again. Later calls do nothing. */
  close(account: Account): void {
    if (!account.open) return;
    this.#end(account);
    this.#take(account, -account.bytes);
    this.#tidy(account.space);
    this.#serve();
  }

  /** Bytes that were kept, of pages in `spaceName`, are free again. */
  giveBack(lease: Lease, spaceName: string, bytes: number): void {
    const space = this.#spaces.get(spaceName);
    const kept = (space && lease.kept.get(space)) ?? 0;
    if (space === undefined || kept === 0) return;
    this.#dropKept(lease, space, Math.min(bytes, kept));
    this.#serve();
  }

  /** Of what the lease keeps all but `bytes` is free again. */
  shrink(lease: Lease, bytes: number): void {
    for (const [space, kept] of [...lease.kept]) {
      this.#dropKept(lease, space, Math.min(kept, Math.max(0, lease.keptBytes - bytes)));
    }
    this.#serve();
  }

  /**
   * Gives a lease bytes beside those that it keeps and is about to give back. It is no matter of turns: who waits
   * gets more by it. It leaves half of the reserve to newcomers.
   *
   * @returns how many, no more than `mostBytes` and than it keeps; 0 where there are too few now
   */
  lend(lease: Lease, mostBytes: number): number {
    const [space] = lease.kept.keys();
    const free = this.#maxBytes - this.#usedBytes - (this.#reserveBytes >> 1);
    const bytes = Math.min(mostBytes, lease.keptBytes, free);
    if (space === undefined || bytes < LEAST_LOAN_BYTES) return 0;
    lease.kept.set(space, (lease.kept.get(space) ?? 0) + bytes);
    lease.keptBytes += bytes;
    lease.bytes += bytes;
    space.bytes += bytes;
    this.#usedBytes += bytes;
    return bytes;
  }

  /** All fetches of the scrape have ended; its response is being written. */
  fetched(lease: Lease): void {
    if (lease.fetched || !this.#leases.has(lease)) return;
    lease.fetched = true;
    lease.expired = true; // its reader does not wait for what else is charged to it
    this.#keepReturned(lease);
    this.#unreserve(lease);
    this.#leaveHome(lease);
    this.#serve();
  }

  /** Frees all that the lease holds, open accounts too. */
  release(lease: Lease): void {
    if (!this.#leases.delete(lease)) return;
    this.#empty(lease);
    this.#leaveHome(lease);
    this.#serve();
  }

  /**
   * All that the lease held has been given back, as its holder was told; it keeps its turn.
   *
   * @param claim - is told when there is room to begin again
   * @returns the account that waits; close it when it waits no more
   */
  restart(lease: Lease, claim: BytesClaim): { readonly account: Account; readonly room: Room } {
    const needed = lease.neededBytes;
    this.#empty(lease);
    const account = this.open(lease, lease.home?.name ?? '', claim);
    return { account, room: this.grow(account, needed) };
  }

  /** What the account of `restart` was given is for the scrape's other accounts to take. */
  reserve(account: Account): void {
    if (!account.open) return;
    account.lease.reservedBytes += account.bytes;
    account.bytes = 0;
    this.close(account);
  }

  /** Nobody waits any more for what is charged to the lease. */
  expire(lease: Lease): void {
    lease.expired = true;
    for (let account = lease.waiting.last; account; account = lease.waiting.last) {
      this.#refuse(account);
    }
  }

  #space(name: string): Space {
    let space = this.#spaces.get(name);
    if (!space) {
      space = new Space(name);
      this.#spaces.set(name, space);
    }
    return space;
  }

  #tidy(space: Space): void {
    if (space.users === 0 && space.bytes === 0) this.#spaces.delete(space.name);
  }

  #settleIn(lease: Lease, space: Space): void {
    lease.home = space;
    space.users++;
    space.homes.add(lease);
    this.#crown(space);
  }

  #leaveHome(lease: Lease): void {
    const { home } = lease;
    if (!home?.homes.delete(lease)) return;
    home.users--;
    this.#crown(home);
    this.#tidy(home);
  }

  /** The oldest scrape of a space becomes its head: its turn counts from then on. */
  #crown({ homes }: Space): void {
    for (const lease of homes) {
      if (lease.turn === Number.POSITIVE_INFINITY) lease.turn = ++this.#turns;
      return;
    }
  }

  /** What is to be taken beside what is reserved already. */
  #beside({ lease, space }: Account, more: number): number {
    return space === lease.home ? Math.max(0, more - lease.reservedBytes) : more;
  }

  #fits(account: Account, more: number, head: Lease | undefined): boolean {
    const { lease, space } = account;
    const taken = this.#beside(account, more);
    if (taken <= 0) return true;
    const holds = lease.bytes + taken;
    const free = this.#maxBytes - this.#usedBytes - taken;
    if (free < 0 || holds > this.mostBytes) return false;
    if (lease === head) return free >= this.#reserveBytes;
    if (head === undefined && space.bytes + taken <= free * SHARE) return true;
    return holds * SMALL <= free && space.bytes + taken <= free * SHARE_WITH_SMALL;
  }

  #take(account: Account, more: number): void {
    const { lease, space } = account;
    const taken = more > 0 ? this.#beside(account, more) : more;
    lease.reservedBytes -= more > 0 ? more - taken : 0;
    account.bytes += more;
    lease.bytes += taken;
    space.bytes += taken;
    this.#usedBytes += taken;
  }

  #dropKept(lease: Lease, space: Space, bytes: number): void {
    const left = (lease.kept.get(space) ?? 0) - bytes;
    if (left > 0) lease.kept.set(space, left);
    else lease.kept.delete(space);
    lease.keptBytes -= bytes;
    lease.bytes -= bytes;
    space.bytes -= bytes;
    this.#usedBytes -= bytes;
    this.#tidy(space);
  }

  #unreserve(lease: Lease): void {
    const { home, reservedBytes } = lease;
    if (home === undefined || reservedBytes === 0) return;
    lease.reservedBytes = 0;
    lease.bytes -= reservedBytes;
    home.bytes -= reservedBytes;
    this.#usedBytes -= reservedBytes;
  }

  #empty(lease: Lease): void {
    for (const account of [...lease.accounts]) {
      this.#end(account);
      this.#take(account, -account.bytes);
      this.#tidy(account.space);
    }
    for (const [space, bytes] of [...lease.kept]) this.#dropKept(lease, space, bytes);
    this.#unreserve(lease);
    this.#keepReturned(lease);
  }

  #keepReturned(lease: Lease): void {
    lease.returning = false;
    this.#returning.delete(lease);
  }

  #end(account: Account): void {
    const { lease } = account;
    if (account.list) this.#leaveQueue(account);
    account.open = false;
    account.space.users--;
    lease.accounts.delete(account);
    lease.active--;
  }

  #wait(account: Account, bytes: number): void {
    const { lease } = account;
    account.wanted = bytes;
    if (account.bytes > 0)
      lease.waiting.unshift(account); // what has begun is ended first
    else lease.waiting.push(account);
    this.#waitingLeases.add(lease);
    this.#waiting++;
    lease.active--;
  }

  #leaveQueue(account: Account): void {
    const { lease } = account;
    lease.waiting.remove(account);
    this.#waiting--;
    lease.active++;
    if (lease.waiting.size > 0) return;
    this.#waitingLeases.delete(lease);
    lease.holder?.waitsNoMore();
  }

  /** Gives out what is free; asks for what is to be given back, and refuses what never fits. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#waiting > 0) {
        const head = this.#firstHead();
        if (head && this.#serveHead(head)) continue;
        if (!this.#grantOther(head)) break;
      }
    } finally {
      this.#serving = false;
    }
  }

  /** @returns whether something has changed */
  #serveHead(head: Lease): boolean {
    const account = head.waiting.first!; // it waits
    const more = account.wanted - account.bytes;
    if (this.#fits(account, more, head)) {
      this.#grant(account);
      return true;
    }
    if (this.#isTooMuch(head)) {
      this.#refuse(head.waiting.last!);
      return true;
    }
    return this.#reclaim(head, this.#beside(account, more));
  }

  #grantOther(head: Lease | undefined): boolean {
    for (const lease of this.#waitingLeases) {
      const account = lease.waiting.first;
      if (lease === head || lease.returning || !account) continue;
      if (!this.#fits(account, account.wanted - account.bytes, head)) continue;
      this.#grant(account);
      return true;
    }
    return false;
  }

  #grant(account: Account): void {
    this.#leaveQueue(account);
    this.#take(account, account.wanted - account.bytes);
    account.claim.bytesGranted();
  }

  #refuse(account: Account): void {
    this.#leaveQueue(account);
    account.claim.bytesRefused();
    this.close(account);
  }

  /** The head whose turn it is: it waits for others, not only for its own fetches. */
  #firstHead(): Lease | undefined {
    let first: Lease | undefined;
    for (const lease of this.#waitingLeases) {
      if (lease.turn === Number.POSITIVE_INFINITY || lease.returning) continue;
      if (first !== undefined && first.turn < lease.turn) continue;
      if (this.#isTooMuch(lease) && lease.active > 0) continue;
      first = lease;
    }
    return first;
  }

  /** What the scrape waits for is more than it could have if it were alone. */
  #isTooMuch(lease: Lease): boolean {
    const account = lease.waiting.first;
    if (!account) return false;
    const taken = this.#beside(account, account.wanted - account.bytes);
    return lease.bytes + taken > this.mostBytes;
  }

  /**
   * Asks those who wait last for what they hold, if that makes room for the head. Whoever cannot
   * begin again is refused what it waits for.
   *
   * @returns whether something has changed
   */
  #reclaim(head: Lease, more: number): boolean {
    let missing = more + this.#reserveBytes - (this.#maxBytes - this.#usedBytes);
    for (const lease of this.#returning) missing -= lease.bytes;
    if (missing <= 0) return false;
    const behind = [...this.#waitingLeases]
      .filter((lease) => !lease.returning && lease.bytes > 0 && lease.isBehind(head))
      .sort((a, b) => (a.isBehind(b) ? -1 : 1));
    if (behind.reduce((sum, { bytes }) => sum + bytes, 0) < missing) return false;
    for (const lease of behind) {
      if (missing <= 0) break;
      missing -= lease.bytes;
      if (!lease.holder) {
        this.#refuse(lease.waiting.last!); // it waits
        return true;
      }
      this.#revoke(lease);
    }
    return false;
  }

  #revoke(lease: Lease): void {
    const account = lease.waiting.first!; // it waits
    const wanted = lease.bytes + this.#beside(account, account.wanted - account.bytes);
    lease.neededBytes = Math.min(this.mostBytes, Math.max(lease.neededBytes, wanted));
    lease.returning = true;
    this.#returning.add(lease);
    queueMicrotask(() => {
      if (!lease.returning) return; // it has ended
      lease.holder?.revoked();
      for (let last = lease.waiting.last; last; last = lease.waiting.last) this.#refuse(last);
    });
  }
}
