/**
 * The ledger of `scrape.max_bytes`: how many bytes each space and lease holds, and whether a fetch
 * may take more. `budget.ts` states the rules.
 */
import { type Account, type Lease, Space } from './lease.ts';

/** A space may hold this many times the free bytes, except for its small scrapes. */
const SHARE = 4;
/** A scrape is small while it holds at most 1/SMALL of the free bytes. */
const SMALL = 4;
/** A head that waits must leave 1/RESERVE of all bytes to newcomers. */
const RESERVE = 16;
/**
 * Like `SHARE`, for small scrapes: beside a head of their space that holds all but the reserve,
 * they may take half of the reserve. The other half is left to other spaces.
 */
const SHARE_WITH_SMALL = 2 * RESERVE - 1;
/** A loan of less than this, and less than was asked for, is of no use. */
const LEAST_LOAN_BYTES = 131_072;

export class Ledger {
  readonly maxBytes: number;
  /** Bytes that a head must leave to newcomers. */
  readonly reserveBytes: number;
  /** Bound on the bytes of one scrape, even if it is alone. */
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

  /** How many spaces hold bytes or are about to. */
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

  /** How many of `more` bytes the lease has not reserved yet. */
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

  /** Whether the scrape waits for more bytes than it could have even alone. */
  isTooMuch(lease: Lease): boolean {
    const account = lease.waiting.first;
    if (!account) return false;
    const taken = this.beside(account, account.wanted - account.bytes);
    return lease.bytes + taken > this.mostBytes;
  }

  /**
   * Lends a lease bytes beside those that it keeps and will soon give back. Ignores turns, since
   * the loan soon frees bytes for waiting fetches. Leaves half of the reserve to newcomers.
   *
   * @returns how many bytes, at most `mostBytes` and `keptBytes`; 0 if too few are free now
   */
  lend(lease: Lease, mostBytes: number): number {
    const [space] = lease.kept.keys();
    const free = this.freeBytes - (this.reserveBytes >> 1);
    const bytes = Math.min(mostBytes, lease.keptBytes, free);
    if (space === undefined || bytes < Math.min(LEAST_LOAN_BYTES, mostBytes)) return 0;
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

  /** Makes the oldest scrape of a space its head, and gives it the next turn. */
  #crown({ homes }: Space): void {
    for (const lease of homes) {
      if (lease.turn === Number.POSITIVE_INFINITY) lease.turn = ++this.#turns;
      return;
    }
  }
}
