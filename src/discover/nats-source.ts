/**
 * Learns routes from the messages that gorouter learns them from, over NATS.
 *
 * Here messages, time and the table come together; `nats.ts` has the connection, `nats-message.ts`
 * reads messages, and `nats-registry.ts` knows how long they are believed. While the bus is away
 * nothing is taken out of the table for its age, since no register could bring it back; all is when
 * another source works meanwhile (`max-age.ts`).
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Dial } from './dial.ts';
import { type BusMessage, type BusOptions, runBus } from './nats.ts';
import { type NatsMessage, readMessage } from './nats-message.ts';
import { NatsRegistry } from './nats-registry.ts';
import { everyTurn } from './pace.ts';
import type { RouteTable } from './route-table.ts';
import { type Clock, type RouteSource, type SourceObservers, systemClock } from './source.ts';
import type { SourceError } from './source-error.ts';

export interface NatsOptions extends BusOptions {
  /** How often emitters register: when this has passed, all is known. Standard 20 s. */
  readonly registerIntervalMs?: number | undefined;
  /** How often stale endpoints are looked for. Standard 5 s. */
  readonly pruneIntervalMs?: number | undefined;
  /** How long a plain endpoint is believed at most. Standard 120 s. */
  readonly maxThresholdSeconds?: number | undefined;
  /** After how long without a register a TLS endpoint is dialled. Standard 10 min. */
  readonly doubtAfterMs?: number | undefined;
  /** How an endpoint in doubt proves itself: trusts whom scrapes of instances trust. */
  readonly dial: Dial;
  /** Standard 250,000 endpoints under routes. */
  readonly maxEntries?: number | undefined;
  /** Of all messages that are believed. Standard 256 MiB. */
  readonly maxBytes?: number | undefined;
  /** Publish `router.start` and answer `router.greet`, which poses as a router. Standard: no. */
  readonly greet?: boolean | undefined;
  readonly clock?: Clock | undefined;
}

/** Why endpoints were taken out: too old, a failed scrape, or a failed dial. */
export type PruneReason = 'stale' | 'failed' | 'unproven';

export interface NatsObservers extends SourceObservers {
  readonly onPruned?: ((reason: PruneReason, count: number) => void) | undefined;
}

/** Failures of a scrape after which gorouter takes a TLS endpoint out. */
const PRUNING_FAILURES: ReadonlySet<string> = new Set([
  'refused',
  'unreachable',
  'tls',
  'tls-identity',
]);
const MAX_THRESHOLD_SECONDS = 120;
const DIALS_AT_ONCE = 64;
/** How long entries are forgotten at a stretch, and how many between two looks at the clock. */
const TURN_MS = 2;
const FORGOTTEN_PER_TURN = 64;

export class NatsSource implements RouteSource {
  readonly name: string;
  readonly #options: NatsOptions;
  readonly #observers: NatsObservers;
  readonly #clock: Clock;
  readonly #maxThresholdSeconds: number;
  readonly #registry: NatsRegistry;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  #state: 'unknown' | 'up' | 'down' = 'unknown';
  #upSinceMs = 0;
  /** Since when it was not up for a whole register interval. */
  #downSinceMs: number | undefined;
  /** It went away again before it had been up for a register interval. */
  #isFlapping = false;
  #ready = false;
  #wasUp = false;

  constructor(options: NatsOptions, table: RouteTable, observers: NatsObservers) {
    this.#options = options;
    this.#observers = observers;
    this.#clock = options.clock ?? systemClock;
    this.#maxThresholdSeconds = options.maxThresholdSeconds ?? MAX_THRESHOLD_SECONDS;
    this.#registry = new NatsRegistry({
      layer: table.layer(),
      maxEntries: options.maxEntries ?? 250_000,
      maxBytes: options.maxBytes ?? 256 * 1024 * 1024,
      doubtAfterMs: options.doubtAfterMs ?? 600_000,
    });
    this.name = `nats ${options.servers.map(withoutCredentials).join(' ')}`;
    this.#running = Promise.all([this.#listen(), this.#pruneLoop(), this.#doubtLoop()]);
  }

  /** True once the bus was up for a register interval without a break, or `declareReady` was called. */
  get ready(): boolean {
    this.#ready ||= this.works;
    return this.#ready;
  }

  /** True while the bus has been up for a register interval without a break. */
  get works(): boolean {
    const upMs = this.#clock.nowMs() - this.#upSinceMs;
    return this.#state === 'up' && upMs >= (this.#options.registerIntervalMs ?? 20_000);
  }

  /** A bus that is away again and again has failed since it was last up for a register interval. */
  get ageMs(): number | undefined {
    if (this.#state === 'up' && (!this.#isFlapping || this.works)) return 0;
    if (!this.#wasUp || this.#downSinceMs === undefined) return undefined;
    return this.#clock.nowMs() - this.#downSinceMs;
  }

  /** While the bus is up, what was registered since stays. */
  async lapse(isDue: () => boolean): Promise<void> {
    const pace = everyTurn(TURN_MS);
    while (isDue() && !this.#forgetSome()) await pace();
  }

  #forgetSome(): boolean {
    return this.#state === 'up'
      ? this.#registry.forgetUnheard(FORGOTTEN_PER_TURN)
      : this.#registry.forget(FORGOTTEN_PER_TURN);
  }

  /** Says that enough is known, so that there is no need to wait any longer. */
  declareReady(): void {
    this.#ready = true;
  }

  /**
   * Tells that a scrape failed, after its answer has reported it. A TLS endpoint that refused, was
   * unreachable or failed its handshake is taken out until it is registered again.
   *
   * @param address - the endpoint's
   * @param failure - a word of `fetch/failure.ts`
   * @param identity - the `serverCertDomainSan` that was asked for; another one at the same
   * address is then left alone
   */
  reportFailure(address: string, failure: string, identity?: string): void {
    if (this.#state !== 'up' || !PRUNING_FAILURES.has(failure)) return;
    this.#pruned('failed', this.#registry.fail(address, identity));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #listen(): Promise<void> {
    const start = this.#options.greet ? startMessage(this.#options) : undefined;
    await runBus(
      this.#options,
      {
        subjects: {
          'router.register': (message) => this.#register(message),
          'router.unregister': (message) => this.#unregister(message),
          ...(start && { 'router.greet': ({ reply }: BusMessage) => reply(start) }),
        },
        onUp: (publish) => {
          if (start) publish('router.start', start);
          this.#up();
        },
        onDown: (error) => this.#down(error),
        onError: (error) => this.#observers.onFailure?.(error),
      },
      { signal: this.#stop.signal, clock: this.#clock },
    );
  }

  #up(): void {
    if (this.#state === 'up') return;
    this.#state = 'up';
    this.#wasUp = true;
    this.#upSinceMs = this.#clock.nowMs();
    this.#registry.freshen(this.#upSinceMs);
    this.#observers.onState?.({ working: true });
  }

  #down(error: SourceError): void {
    const news = this.#state !== 'down';
    if (news) {
      const flapped = this.#state === 'up' && !this.works;
      if (!flapped || this.#downSinceMs === undefined) this.#downSinceMs = this.#clock.nowMs();
      this.#isFlapping = flapped;
    }
    this.#ready = this.ready; // remembers an interval that is over
    this.#state = 'down';
    this.#observers.onFailure?.(error);
    if (news) this.#observers.onState?.({ working: false, error });
  }

  #register({ data }: BusMessage): void {
    const message = this.#read(data);
    if (!message) return;
    const { changed, refusals } = this.#registry.register(message, this.#clock.nowMs());
    for (const reason of refusals) this.#observers.onRefused?.(reason, 1);
    if (refusals.length < message.routes.length) this.#observers.onSuccess?.(changed);
  }

  #unregister({ data }: BusMessage): void {
    const message = this.#read(data);
    if (message) this.#registry.unregister(message);
  }

  #read(data: Uint8Array): NatsMessage | undefined {
    const message = readMessage(data, this.#maxThresholdSeconds);
    if (typeof message === 'string') {
      this.#observers.onRefused?.(message, 1);
      return undefined;
    }
    if (message.refusedRoutes > 0) this.#observers.onRefused?.('route', message.refusedRoutes);
    return message;
  }

  async #pruneLoop(): Promise<void> {
    await this.#everyInterval(() => {
      this.#pruned('stale', this.#registry.prune(this.#clock.nowMs()));
    });
  }

  /** Its own loop, so that slow dials do not keep stale endpoints listed. */
  async #doubtLoop(): Promise<void> {
    await this.#everyInterval(async () => {
      while (this.#state === 'up' && !this.#stop.signal.aborted) {
        const doubts = this.#registry.takeDoubts(this.#clock.nowMs(), DIALS_AT_ONCE);
        if (doubts.length === 0) return;
        await Promise.all(
          doubts.map(async (doubt) => {
            const proven = await this.#options.dial(doubt.endpoint, this.#stop.signal);
            const pruning = this.#state === 'up' && !this.#stop.signal.aborted;
            const count = this.#registry.settleDoubt(
              doubt,
              proven || !pruning,
              this.#clock.nowMs(),
            );
            this.#pruned('unproven', count);
          }),
        );
      }
    });
  }

  async #everyInterval(task: () => void | Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#clock.sleep(this.#options.pruneIntervalMs ?? 5000, signal);
      if (this.#state === 'up' && !signal.aborted) await task();
    }
  }

  #pruned(reason: PruneReason, count: number): void {
    if (count > 0) this.#observers.onPruned?.(reason, count);
  }
}

/** Starts listening. */
export function startNats(
  options: NatsOptions,
  table: RouteTable,
  observers: NatsObservers = {},
): NatsSource {
  return new NatsSource(options, table, observers);
}

/**
 * What a router says of itself, so that emitters register at once.
 *
 * @see gorouter common.RouterStart
 */
function startMessage({ registerIntervalMs = 20_000, maxThresholdSeconds }: NatsOptions): string {
  return JSON.stringify({
    id: `promgate-${randomUUID()}`,
    hosts: [hostname()],
    minimumRegisterIntervalInSeconds: registerIntervalMs / 1000,
    pruneThresholdInSeconds: maxThresholdSeconds ?? MAX_THRESHOLD_SECONDS,
  });
}

function withoutCredentials(server: string): string {
  return server.replace(/^(?:[a-z]+:\/\/)?(?:.*@)?/i, '');
}
