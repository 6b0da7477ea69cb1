/**
 * The fetches that wait for bytes, by lease, in the order in which the leases began to wait.
 */
import type { Account, Lease } from './lease.ts';
import type { Ledger } from './ledger.ts';

export class WaitingLine {
  readonly #ledger: Ledger;
  readonly #leases = new Set<Lease>();
  #accounts = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** How many fetches wait. */
  get size(): number {
    return this.#accounts;
  }

  add(account: Account, bytes: number): void {
    const { lease } = account;
    account.wanted = bytes;
    if (account.bytes > 0)
      lease.waiting.unshift(account); // fetches that hold bytes go first
    else lease.waiting.push(account);
    this.#leases.add(lease);
    this.#accounts++;
    lease.active--;
  }

  remove(account: Account): void {
    const { lease } = account;
    lease.waiting.remove(account);
    this.#accounts--;
    lease.active++;
    if (lease.waiting.size > 0) return;
    this.#leases.delete(lease);
    lease.holder?.waitsNoMore();
  }

  /** The waiting head with the earliest turn, except heads that wait only for their own fetches. */
  firstHead(): Lease | undefined {
    let first: Lease | undefined;
    for (const lease of this.#leases) {
      if (lease.turn === Number.POSITIVE_INFINITY || lease.returning) continue;
      if (first !== undefined && first.turn < lease.turn) continue;
      if (this.#ledger.isTooMuch(lease) && lease.active > 0) continue;
      first = lease;
    }
    return first;
  }

  /** The first waiting account outside `head` that finds room. */
  fitting(head: Lease | undefined): Account | undefined {
    for (const lease of this.#leases) {
      const account = lease.waiting.first;
      if (lease === head || lease.returning || !account) continue;
      if (this.#ledger.fits(account, account.wanted - account.bytes, head)) return account;
    }
    return undefined;
  }

  /** The leases that wait behind `head` and hold bytes, the last first. */
  behind(head: Lease): Lease[] {
    return [...this.#leases]
      .filter((lease) => !lease.returning && lease.bytes > 0 && lease.isBehind(head))
      .sort((a, b) => (a.isBehind(b) ? -1 : 1));
  }
}
