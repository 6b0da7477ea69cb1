/**
 * Counts wrong credentials by client address. After ten in a minute, promgate delays the answer to
 * each further one. A right credential is never delayed, since all readers behind a proxy that
 * `auth.trusted_proxies` does not name have the proxy's address.
 */
import { isIPv6 } from 'node:net';
import { sleep } from '../clock.ts';

/** How many wrong credentials of an address in a minute promgate answers at once. */
export const FREE_TRIES = 10;
const WINDOW_MS = 60_000;
const DELAY_MS = 1_000;

/** Bound on counted addresses; past it promgate forgets the address counted longest. */
const MAX_ADDRESSES = 10_000;

/** Bound on delayed answers, as each keeps a connection; promgate sends further ones at once. */
const MAX_WAITING = 256;

interface Tries {
  readonly sinceMs: number;
  count: number;
}

export interface GuessesOptions {
  /** A clock in milliseconds that only goes forward. */
  readonly now?: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export class Guesses {
  readonly #now: () => number;
  readonly #wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Counts by network, in the order in which their minutes began. */
  readonly #tries = new Map<string, Tries>();
  #waiting = 0;

  constructor({ now = () => performance.now(), wait = sleep }: GuessesOptions = {}) {
    this.#now = now;
    this.#wait = wait;
  }

  /** How many networks are counted. */
  get size(): number {
    return this.#tries.size;
  }

  /**
   * Counts a wrong credential, and waits until it may be answered.
   *
   * @param signal - ends the wait when the reader leaves or the program stops
   * @returns how many wrong credentials this address has sent in this minute
   */
  async wrong(address: string, signal: AbortSignal): Promise<number> {
    const count = this.#count(networkOf(address));
    if (count <= FREE_TRIES || this.#waiting >= MAX_WAITING) return count;
    this.#waiting += 1;
    try {
      await this.#wait(DELAY_MS, signal);
    } finally {
      this.#waiting -= 1;
    }
    return count;
  }

  #count(network: string): number {
    const nowMs = this.#now();
    const known = this.#tries.get(network);
    if (known !== undefined && nowMs - known.sinceMs < WINDOW_MS) {
      known.count += 1;
      return known.count;
    }
    this.#tries.delete(network);
    const [oldest] = this.#tries.keys();
    if (oldest !== undefined && this.#tries.size >= MAX_ADDRESSES) this.#tries.delete(oldest);
    this.#tries.set(network, { sinceMs: nowMs, count: 1 });
    return 1;
  }
}

/** An IPv6 address counts as its /64 network, since one machine may use all of its addresses. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [before = '', after] = address.split('::');
  const groups = before === '' ? [] : before.split(':');
  const rest = after === undefined || after === '' ? [] : after.split(':');
  const zeros = after === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  const all = [...groups, ...Array<string>(zeros).fill('0'), ...rest];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
