/**
 * The route source that listens on NATS, the bus from which gorouter learns its routes.
 *
 * `nats.ts` holds the connection, `nats-message.ts` reads messages, and `nats-registry.ts` decides
 * how long endpoints stay. While NATS is away, no endpoint goes for its age, since no register
 * could bring the endpoint back; all go when another source works meanwhile (`max-age.ts`).
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Clock, every, everyTurn, systemClock } from '../clock.ts';
import type { Dial } from './dial.ts';
import { type BusMessage, type BusOptions, runBus } from './nats.ts';
import { type NatsMessage, readMessage } from './nats-message.ts';
import { NatsRegistry } from './nats-registry.ts';
import type { RouteTable } from './route-table.ts';
import type { PruneReason, RouteSource, SourceObservers } from './source.ts';
import { type SourceError, toSourceError } from './source-error.ts';

export interface NatsOptions extends BusOptions {
  /** How often emitters register: after one interval promgate knows all routes. Default 20 s. */
  readonly registerIntervalMs?: number | undefined;
  /** Pause between two searches for stale endpoints. Default 5 s. */
  readonly pruneIntervalMs?: number | undefined;
  /** Longest time that an endpoint without TLS stays without a register. Default 120 s. */
  readonly maxThresholdSeconds?: number | undefined;
  /** A TLS endpoint without a register for so long is dialled. Default 10 min. */
  readonly doubtAfterMs?: number | undefined;
  /** Lets an endpoint in doubt prove itself, to the authorities that scrapes trust. */
  readonly dial: Dial;
  /** Bound on endpoints, each counted once a route. Default 250,000. */
  readonly maxEntries?: number | undefined;
  /** Bound on the summed sizes of the messages behind the endpoints. Default 256 MiB. */
  readonly maxBytes?: number | undefined;
  /** Publish `router.start` and answer `router.greet`, as a gorouter does. Default: no. */
  readonly greet?: boolean | undefined;
  /** The source is ready early when the table has so many endpoints. Default: no such number. */
  readonly enough?: number | undefined;
  readonly clock?: Clock | undefined;
}

const MAX_THRESHOLD_SECONDS = 120;
const DIALS_AT_ONCE = 64;
/** `lapse` removes entries in turns of this length, and checks the clock after so many. */
const TURN_MS = 2;
const FORGOTTEN_PER_TURN = 64;

export class NatsSource implements RouteSource {
  readonly name: string;
  readonly #options: NatsOptions;
  readonly #observers: SourceObservers;
  readonly #table: RouteTable;
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

  constructor(options: NatsOptions, table: RouteTable, observers: SourceObservers) {
    this.#options = options;
    this.#table = table;
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

  /** True once NATS was up for a register interval without a break, or `enough` was reached. */
  get ready(): boolean {
    this.#ready ||= this.works;
    return this.#ready;
  }

  /** True while NATS has been up for a register interval without a break. */
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

  /** Removes a TLS endpoint until its next register, as gorouter does. */
  reportFailure(address: string, identity?: string): void {
    if (this.#state !== 'up') return;
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
    this.#ready = this.ready; // stays true, though `works` becomes false below
    this.#state = 'down';
    this.#observers.onFailure?.(error);
    if (news) this.#observers.onState?.({ working: false, error });
  }

  #register({ data }: BusMessage): void {
    const message = this.#read(data);
    if (!message) return;
    const { changed, refusals } = this.#registry.register(message, this.#clock.nowMs());
    for (const reason of refusals) this.#observers.onRefused?.(reason, 1);
    if (refusals.length < message.routes.length) this.#succeeded(changed);
  }

  #succeeded(changed: boolean): void {
    const { enough = Number.POSITIVE_INFINITY } = this.#options;
    this.#ready ||= this.#table.sizes().endpoints >= enough;
    this.#observers.onSuccess?.(changed);
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

  /** A loop apart from pruning, so that slow dials do not keep stale endpoints listed. */
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
    const { pruneIntervalMs = 5000 } = this.#options;
    await every(pruneIntervalMs, () => (this.#state === 'up' ? task() : undefined), {
      firstAfterMs: pruneIntervalMs,
      signal: this.#stop.signal,
      clock: this.#clock,
      onError: (error) => this.#observers.onFailure?.(toSourceError(error)),
    });
  }

  #pruned(reason: PruneReason, count: number): void {
    if (count > 0) this.#observers.onPruned?.(reason, count);
  }
}

/** Starts a NATS source. */
export function startNats(
  options: NatsOptions,
  table: RouteTable,
  observers: SourceObservers = {},
): NatsSource {
  return new NatsSource(options, table, observers);
}

/**
 * The payload of `router.start`, after which emitters register at once.
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
