/**
 * Remembers which ways lead into which networks, so that not every scrape waits for a network that
 * drops packets.
 *
 * A way into a network is shut after several failures in a row without a connection. While it is shut,
 * one attempt in each period asks again; the first connection opens the way. What is old is forgotten.
 */

export interface WayMemoryOptions {
  /** Milliseconds of any clock that only goes forward. */
  readonly nowMs?: () => number;
  /** Bound on the remembered networks; the oldest goes. */
  readonly maxNetworks?: number;
}

interface Trial {
  failures: number;
  /** No attempt before this time, if the way is shut. */
  againAtMs: number;
  heardAtMs: number;
}

/** One instance that is gone looks like a network without a way; several in a row do not. */
const SHUT_AFTER = 3;
const AGAIN_MS = 60_000;
const FORGET_MS = 600_000;
const MAX_NETWORKS = 16_384;

export class WayMemory {
  readonly #trials = new Map<string, Trial>();
  readonly #nowMs: () => number;
  readonly #maxNetworks: number;

  constructor({
    nowMs = () => performance.now(),
    maxNetworks = MAX_NETWORKS,
  }: WayMemoryOptions = {}) {
    this.#nowMs = nowMs;
    this.#maxNetworks = maxNetworks;
  }

  /** How many networks are remembered, for tests of the bound. */
  get size(): number {
    return this.#trials.size;
  }

  /** Whether the way is shut now; does not count as an attempt. */
  isShut(network: string): boolean {
    return this.#shut(network) !== undefined;
  }

  /** Whether to try the way into the network now. Counts as the attempt of this period. */
  admits(network: string): boolean {
    const trial = this.#shut(network);
    if (!trial) return true;
    const nowMs = this.#nowMs();
    if (nowMs < trial.againAtMs) return false;
    trial.againAtMs = nowMs + AGAIN_MS;
    return true;
  }

  /** Something answered by this way, whatever it said. */
  reached(network: string): void {
    this.#trials.delete(network);
  }

  /** No connection came about by this way. */
  failed(network: string): void {
    const nowMs = this.#nowMs();
    const before = this.#trials.get(network);
    const failures = before && nowMs - before.heardAtMs < FORGET_MS ? before.failures + 1 : 1;
    const againAtMs = failures >= SHUT_AFTER ? nowMs + AGAIN_MS : nowMs;
    this.#trials.delete(network); // the newest last
    this.#trials.set(network, {
      failures: Math.min(failures, SHUT_AFTER),
      againAtMs,
      heardAtMs: nowMs,
    });
    if (this.#trials.size <= this.#maxNetworks) return;
    this.#trials.delete(this.#trials.keys().next().value!); // not empty
  }

  #shut(network: string): Trial | undefined {
    const trial = this.#trials.get(network);
    if (!trial || trial.failures < SHUT_AFTER) return undefined;
    if (this.#nowMs() - trial.heardAtMs < FORGET_MS) return trial;
    this.#trials.delete(network);
    return undefined;
  }
}
