/**
 * The ledger of `scrape.max_bytes`: which spaces and leases hold how many bytes, and whether a fetch
 * may take more. `budget.ts` states the rules, and says whose turn it is.
 */
import { type Account, type Lease, Space } from './lease.ts';

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

export class Ledger {
  readonly maxBytes: number;
  /** What is left to newcomers, whoever waits. */
  readonly reserveBytes: number;
  /** What one scrape alone can have at most. */
  readonly mostBytes: number;
  readonly #spaces = new Map<string, Space>();
  #usedBytes = 0;
  #turns = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    this.reserveBytes = Math.floor(maxBytes / RESERVE);
    this.mostBytes = Math.floor((maxBytes * SHARE) / (SHARE + 1));
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get freeBytes(): number {
    return this.maxBytes - this.#usedBytes;
  }

  /** How many spaces hold, or are about to hold, something. */
  get spaces(): number {
    return this.#spaces.size;
  }

  known(name: string): Space | undefined {
    return this.#spaces.get(name);
  }

  space(name: string): Space {
    let space = this.#spaces.get(name);
    if (!space) {
      space = new Space(name);
      this.#spaces.set(name, space);
    }
    return space;
  }

  tidy(space: Space): void {
    if (space.users === 0 && space.bytes === 0) this.#spaces.delete(space.name);
  }

  /** What is to be taken beside what is reserved already. */
  beside({ lease, space }: Account, more: number): number {
    return space === lease.home ? Math.max(0, more - lease.reservedBytes) : more;
  }

  fits(account: Account, more: number, head: Lease | undefined): boolean {
    const { lease, space } = account;
    const taken = this.beside(account, more);
    if (taken <= 0) return true;
    const holds = lease.bytes + taken;
    const free = this.freeBytes - taken;
    if (free < 0 || holds > this.mostBytes) return false;
    if (lease === head) return free >= this.reserveBytes;
    if (head === undefined && space.bytes + taken <= free * SHARE) return true;
    return holds * SMALL <= free && space.bytes + taken <= free * SHARE_WITH_SMALL;
  }

  take(account: Account, more: number): void {
    const { lease, space } = account;
    const taken = more > 0 ? this.beside(account, more) : more;
    lease.reservedBytes -= more > 0 ? more - taken : 0;
    account.bytes += more;
    lease.bytes += taken;
    space.bytes += taken;
    this.#usedBytes += taken;
  }

  dropKept(lease: Lease, space: Space, bytes: number): void {
    const left = (lease.kept.get(space) ?? 0) - bytes;
    if (left > 0) lease.kept.set(space, left);
    else lease.kept.delete(space);
    lease.keptBytes -= bytes;
    lease.bytes -= bytes;
    space.bytes -= bytes;
    this.#usedBytes -= bytes;
    this.tidy(space);
  }

  unreserve(lease: Lease): void {
    const { home, reservedBytes } = lease;
    if (home === undefined || reservedBytes === 0) return;
    lease.reservedBytes = 0;
    lease.bytes -= reservedBytes;
    home.bytes -= reservedBytes;
    this.#usedBytes -= reservedBytes;
  }

  /** What the scrape waits for is more than it could have if it were alone. */
  isTooMuch(lease: Lease): boolean {
    const account = lease.waiting.first;
    if (!account) return false;
    const taken = this.beside(account, account.wanted - account.bytes);
    return lease.bytes + taken > this.mostBytes;
  }

  /**
   * Gives a lease bytes beside those that it keeps and is about to give back. It is no matter of turns: who waits
   * gets more by it. It leaves half of the reserve to newcomers.
   *
   * @returns how many, no more than `mostBytes` and than it keeps; 0 where there are too few now
   */
  lend(lease: Lease, mostBytes: number): number {
    const [space] = lease.kept.keys();
    const free = this.freeBytes - (this.reserveBytes >> 1);
    const bytes = Math.min(mostBytes, lease.keptBytes, free);
    if (space === undefined || bytes < LEAST_LOAN_BYTES) return 0;
    lease.kept.set(space, (lease.kept.get(space) ?? 0) + bytes);
    lease.keptBytes += bytes;
    lease.bytes += bytes;
    space.bytes += bytes;
    this.#usedBytes += bytes;
    return bytes;
  }

  settleIn(lease: Lease, space: Space): void {
    lease.home = space;
    space.users++;
    space.homes.add(lease);
    this.#crown(space);
  }

  leaveHome(lease: Lease): void {
    const { home } = lease;
    if (!home?.homes.delete(lease)) return;
    home.users--;
    this.#crown(home);
    this.tidy(home);
  }

  /** The oldest scrape of a space becomes its head: its turn counts from then on. */
  #crown({ homes }: Space): void {
    for (const lease of homes) {
      if (lease.turn === Number.POSITIVE_INFINITY) lease.turn = ++this.#turns;
      return;
    }
  }
}
