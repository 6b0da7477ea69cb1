/**
 * Bounds the bytes of pages in memory over the whole program by `scrape.max_bytes`.
 *
 * Each fetch has an account, which must grow before the fetch reads on. Each scrape has a lease
 * (`lease.ts`), which holds its fetches' bytes until that part of the response is written.
 * A fetch waits if there is no room. Four rules decide which fetch gets free bytes:
 *
 * - **Share.** A space may hold at most `SHARE` times the free bytes (alone 4/5 of all, two
 *   spaces 4/9 each, …), so that newcomers always find free bytes.
 * - **Small.** A scrape that holds few bytes gets room beyond the share of its space: a small
 *   app does not wait for a large app of the same space.
 * - **First.** The oldest scrape of each space is its head. The waiting head with the earliest
 *   turn may use all but a reserve; while it waits, freed bytes go to it and to small scrapes.
 * - **Give back.** If that head would find room without the bytes of the scrapes that wait behind
 *   it, the last of these give all bytes back, and begin again when there is room for them.
 *
 * No fetch waits for ever: the bytes that a head waits for are held by fetches that do not wait, by
 * responses being written, both of which end, or by scrapes behind it, which give them back.
 * The budget refuses (`over-budget`) bytes that a scrape could not have even alone: a page too
 * large beside the pages kept, or the last page of a scrape all of whose pages wait.
 *
 * The budget knows neither deadlines nor readers: a waiting fetch may close its account any time.
 */
import { Account, type BytesClaim, Lease } from './lease.ts';
import { Ledger } from './ledger.ts';
import { WaitingLine } from './waiting-line.ts';

export interface BudgetOptions {
  /** `scrape.max_bytes` */
  readonly maxBytes: number;
}

/** `refused`: there will never be room; `waiting`: the budget calls the claim later. */
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

  /** For tests that no lease and no space is left behind. */
  get remembered(): { readonly leases: number; readonly spaces: number } {
    return { leases: this.#leases.size, spaces: this.#ledger.spaces };
  }

  /** Bound on the bytes of one scrape, even if it is alone. */
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
      this.close(account); // the lease was released: `grow` refuses a closed account
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
    // Later, since the caller expects no call of its claim before `grow` returns.
    queueMicrotask(() => this.#serve());
    return 'waiting';
  }

  /** Ends a fetch with a page of `bytes`, at most those it held: the lease keeps them. */
  keep(account: Account, bytes: number): void {
    if (!account.open) return;
    const { lease, space } = account;
    this.#end(account);
    this.#ledger.take(account, bytes - account.bytes);
    lease.keptBytes += bytes;
    lease.kept.set(space, (lease.kept.get(space) ?? 0) + bytes);
    this.#serve();
  }

  /** Ends a failed fetch: its bytes are free again. Later calls do nothing. */
  close(account: Account): void {
    if (!account.open) return;
    this.#end(account);
    this.#ledger.take(account, -account.bytes);
    this.#ledger.tidy(account.space);
    this.#serve();
  }

  /** Frees up to `bytes` that the lease keeps for pages of `spaceName`. */
  giveBack(lease: Lease, spaceName: string, bytes: number): void {
    const space = this.#ledger.known(spaceName);
    const kept = (space && lease.kept.get(space)) ?? 0;
    if (space === undefined || kept === 0) return;
    this.#ledger.dropKept(lease, space, Math.min(bytes, kept));
    this.#serve();
  }

  /** Frees all kept bytes of the lease except `bytes`. */
  shrink(lease: Lease, bytes: number): void {
    for (const [space, kept] of [...lease.kept]) {
      this.#ledger.dropKept(lease, space, Math.min(kept, Math.max(0, lease.keptBytes - bytes)));
    }
    this.#serve();
  }

  /**
   * Lends a lease bytes beside those that it keeps: see `Ledger.lend`.
   *
   * @returns how many bytes; 0 if too few are free now
   */
  lend(lease: Lease, mostBytes: number): number {
    return this.#ledger.lend(lease, mostBytes);
  }

  /** Notes that all fetches of the scrape have ended and its response is being written. */
  fetched(lease: Lease): void {
    if (lease.fetched || !this.#leases.has(lease)) return;
    lease.fetched = true;
    lease.expired = true; // no later charge to it may make its reader wait
    this.#keepReturned(lease);
    this.#ledger.unreserve(lease);
    this.#ledger.leaveHome(lease);
    this.#serve();
  }

  /** Frees all bytes of the lease, also those of open accounts. */
  release(lease: Lease): void {
    if (!this.#leases.delete(lease)) return;
    this.#empty(lease);
    this.#ledger.leaveHome(lease);
    this.#serve();
  }

  /**
   * Frees all bytes of a revoked lease, and asks for as many again; the lease keeps its turn.
   *
   * @param claim - called when there is room to begin again
   * @returns the waiting account; close it to stop waiting
   */
  restart(lease: Lease, claim: BytesClaim): { readonly account: Account; readonly room: Room } {
    const needed = lease.neededBytes;
    this.#empty(lease);
    const account = this.open(lease, lease.home?.name ?? '', claim);
    return { account, room: this.grow(account, needed) };
  }

  /** Hands the bytes of `restart`'s account to the scrape's other accounts. */
  reserve(account: Account): void {
    if (!account.open) return;
    account.lease.reservedBytes += account.bytes;
    account.bytes = 0;
    this.close(account);
  }

  /** Refuses all waiting accounts of the lease, and later ones that do not fit at once. */
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

  /** Grants free bytes; asks scrapes to give bytes back, and refuses requests that never fit. */
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
    const account = head.waiting.first!; // the head waits
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
   * Asks the scrapes that wait last to give their bytes back, if that makes room for the head.
   * A lease without a holder cannot begin again: the budget refuses its waiting account.
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
      if (!lease.returning) return; // the lease has ended meanwhile
      lease.holder?.revoked();
      for (let last = lease.waiting.last; last; last = lease.waiting.last) this.#refuse(last);
    });
  }
}
