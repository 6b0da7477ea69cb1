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
import { Account, type BytesClaim, Lease } from './lease.ts';
import { Ledger } from './ledger.ts';
import { WaitingLine } from './waiting-line.ts';

export interface BudgetOptions {
  /** `scrape.max_bytes` */
  readonly maxBytes: number;
}

/** `granted`; `refused`: never; `waiting`: the claim will be told. */
export type Room = 'granted' | 'waiting' | 'refused';

export class Budget {
  readonly #ledger: Ledger;
  readonly #leases = new Set<Lease>();
  readonly #line: WaitingLine;
  readonly #returning = new Set<Lease>();
  #serving = false;

  constructor({ maxBytes }: BudgetOptions) {
    this.#ledger = new Ledger(maxBytes);
    this.#line = new WaitingLine(this.#ledger);
  }

  get usedBytes(): number {
    return this.#ledger.usedBytes;
  }

  /** How many fetches wait for bytes. */
  get waiting(): number {
    return this.#line.size;
  }

  /** For tests that nothing is left behind. */
  get remembered(): { readonly leases: number; readonly spaces: number } {
    return { leases: this.#leases.size, spaces: this.#ledger.spaces };
  }

  /** What one scrape alone can have at most. */
  get mostBytes(): number {
    return this.#ledger.mostBytes;
  }

  lease(): Lease {
    const lease = new Lease(this);
    this.#leases.add(lease);
    return lease;
  }

  /** An account for one fetch, empty at first. */
  open(lease: Lease, spaceName: string, claim: BytesClaim): Account {
    const account = new Account(lease, this.#ledger.space(spaceName), claim);
    account.space.users++;
    lease.accounts.add(account);
    lease.active++;
    if (!this.#leases.has(lease))
      this.close(account); // too late: it can only be refused
    else if (lease.home === undefined) this.#ledger.settleIn(lease, account.space);
    return account;
  }

  /** Lets an account that does not wait grow to `bytes`. */
  grow(account: Account, bytes: number): Room {
    const { lease } = account;
    if (!account.open || lease.returning) return 'refused';
    if (lease.keptBytes + bytes > this.#ledger.mostBytes) return 'refused';
    const more = bytes - account.bytes;
    if (lease.waiting.size === 0 && this.#ledger.fits(account, more, this.#line.firstHead())) {
      this.#ledger.take(account, more);
      return 'granted';
    }
    this.#line.add(account, bytes);
    // Never at once: whoever asks is not ready to be told before it has its answer.
    queueMicrotask(() => this.#serve());
    return 'waiting';
  }

  /** The fetch has a page of `bytes`, no more than it held: they stay with the lease. */
  keep(account: Account, bytes: number): void {
    if (!account.open) return;
    const { lease, space } = account;
    this.#end(account);
    this.#ledger.take(account, bytes - account.bytes);
    lease.keptBytes += bytes;
    lease.kept.set(space, (lease.kept.get(space) ?? 0) + bytes);
    this.#serve();
  }

  /** The fetch has failed: what it held is free again. Later calls do nothing. */
  close(account: Account): void {
    if (!account.open) return;
    this.#end(account);
    this.#ledger.take(account, -account.bytes);
    this.#ledger.tidy(account.space);
    this.#serve();
  }

  /** Bytes that were kept, of pages in `spaceName`, are free again. */
  giveBack(lease: Lease, spaceName: string, bytes: number): void {
    const space = this.#ledger.known(spaceName);
    const kept = (space && lease.kept.get(space)) ?? 0;
    if (space === undefined || kept === 0) return;
    this.#ledger.dropKept(lease, space, Math.min(bytes, kept));
    this.#serve();
  }

  /** Of what the lease keeps all but `bytes` is free again. */
  shrink(lease: Lease, bytes: number): void {
    for (const [space, kept] of [...lease.kept]) {
      this.#ledger.dropKept(lease, space, Math.min(kept, Math.max(0, lease.keptBytes - bytes)));
    }
    this.#serve();
  }

  /**
   * Gives a lease bytes beside those that it keeps and is about to give back: see `Ledger.lend`.
   *
   * @returns how many; 0 where there are too few now
   */
  lend(lease: Lease, mostBytes: number): number {
    return this.#ledger.lend(lease, mostBytes);
  }

  /** All fetches of the scrape have ended; its response is being written. */
  fetched(lease: Lease): void {
    if (lease.fetched || !this.#leases.has(lease)) return;
    lease.fetched = true;
    lease.expired = true; // its reader does not wait for what else is charged to it
    this.#keepReturned(lease);
    this.#ledger.unreserve(lease);
    this.#ledger.leaveHome(lease);
    this.#serve();
  }

  /** Frees all that the lease holds, open accounts too. */
  release(lease: Lease): void {
    if (!this.#leases.delete(lease)) return;
    this.#empty(lease);
    this.#ledger.leaveHome(lease);
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

  #empty(lease: Lease): void {
    for (const account of [...lease.accounts]) {
      this.#end(account);
      this.#ledger.take(account, -account.bytes);
      this.#ledger.tidy(account.space);
    }
    for (const [space, bytes] of [...lease.kept]) this.#ledger.dropKept(lease, space, bytes);
    this.#ledger.unreserve(lease);
    this.#keepReturned(lease);
  }

  #keepReturned(lease: Lease): void {
    lease.returning = false;
    this.#returning.delete(lease);
  }

  #end(account: Account): void {
    const { lease } = account;
    if (account.list) this.#line.remove(account);
    account.open = false;
    account.space.users--;
    lease.accounts.delete(account);
    lease.active--;
  }

  /** Gives out what is free; asks for what is to be given back, and refuses what never fits. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#line.size > 0) {
        const head = this.#line.firstHead();
        if (head && this.#serveHead(head)) continue;
        const fitting = this.#line.fitting(head);
        if (!fitting) break;
        this.#grant(fitting);
      }
    } finally {
      this.#serving = false;
    }
  }

  /** @returns whether something has changed */
  #serveHead(head: Lease): boolean {
    const account = head.waiting.first!; // it waits
    const more = account.wanted - account.bytes;
    if (this.#ledger.fits(account, more, head)) {
      this.#grant(account);
      return true;
    }
    if (this.#ledger.isTooMuch(head)) {
      this.#refuse(head.waiting.last!);
      return true;
    }
    return this.#reclaim(head, this.#ledger.beside(account, more));
  }

  #grant(account: Account): void {
    this.#line.remove(account);
    this.#ledger.take(account, account.wanted - account.bytes);
    account.claim.bytesGranted();
  }

  #refuse(account: Account): void {
    this.#line.remove(account);
    account.claim.bytesRefused();
    this.close(account);
  }

  /**
   * Asks those who wait last for what they hold, if that makes room for the head. Whoever cannot
   * begin again is refused what it waits for.
   *
   * @returns whether something has changed
   */
  #reclaim(head: Lease, more: number): boolean {
    let missing = more + this.#ledger.reserveBytes - this.#ledger.freeBytes;
    for (const lease of this.#returning) missing -= lease.bytes;
    if (missing <= 0) return false;
    const behind = this.#line.behind(head);
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
    const wanted = lease.bytes + this.#ledger.beside(account, account.wanted - account.bytes);
    lease.neededBytes = Math.min(this.#ledger.mostBytes, Math.max(lease.neededBytes, wanted));
    lease.returning = true;
    this.#returning.add(lease);
    queueMicrotask(() => {
      if (!lease.returning) return; // it has ended
      lease.holder?.revoked();
      for (let last = lease.waiting.last; last; last = lease.waiting.last) this.#refuse(last);
    });
  }
}
