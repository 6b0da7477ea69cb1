/**
 * The channel between replicas: pub/sub over two connections to Redis or Valkey (`redis.ts`).
 *
 * Pub/sub keeps nothing, so that after every subscription the listener is told that it may have
 * missed messages. The other replicas may have missed what this one could not send: the channel sends
 * that later, purges as one purge of all. The channel makes one attempt after the other to connect,
 * and drops a connection on which the server is silent. Nobody waits for the server: `publish` gives
 * up after 200 ms, and at once while there is no connection.
 */
import { randomBytes } from 'node:crypto';
import { retry } from '../clock.ts';
import type { RedisAddress } from '../config/redis-url.ts';
import { type ChannelError, channelError, isReply } from './channel-error.ts';
import type { ChannelTls, Link } from './redis.ts';
import { holdLinks, within } from './redis-links.ts';
import {
  type MessageRefusal,
  PURGE_ALL,
  printMessage,
  type ReplicaMessage,
  readMessage,
} from './replica-message.ts';

/** Why a message was not sent at once. `full`: too many wait for answers. */
export type PublishFailure = 'away' | 'timeout' | 'refused' | 'full';

export const PUBLISH_FAILURES: readonly PublishFailure[] = ['away', 'timeout', 'refused', 'full'];

export interface ReplicaChannel extends AsyncDisposable {
  /**
   * Sends a message to all other replicas. Waits for at most 200 ms.
   *
   * @returns false if the message could not be sent yet, or if no answer came in time
   */
  publish(message: ReplicaMessage): Promise<boolean>;
  readonly state: 'ready' | 'away';
}

export interface ReplicaChannelOptions {
  readonly address: RedisAddress;
  /** Called before every connection, as operators rotate the files; undefined: without TLS. */
  readonly readTls: (() => Promise<ChannelTls>) | undefined;
  /** The name of the pub/sub channel. */
  readonly channel: string;
  /** Another replica has sent a message. Must not throw. */
  readonly onMessage: (message: ReplicaMessage) => void;
  /** The channel listens from now on; other replicas may have sent messages before. */
  readonly onMissed: () => void;
  /** A message was sent, or was not. */
  readonly onPublished?: (failure: PublishFailure | undefined) => void;
  /** Somebody has sent what is no message of a replica. */
  readonly onRefused?: (refusal: MessageRefusal) => void;
  readonly onReady?: () => void;
  /** An attempt to connect failed, or the connection was lost. */
  readonly onFailure?: (error: ChannelError) => void;
}

const PUBLISH_MS = 200;
/** Bound on messages that wait for the answer of the server. */
const MAX_PENDING = 1000;
const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;

export function openReplicaChannel(options: ReplicaChannelOptions): ReplicaChannel {
  return new RedisChannel(options);
}

class RedisChannel implements ReplicaChannel {
  readonly #options: ReplicaChannelOptions;
  readonly #sender = randomBytes(16).toString('base64url');
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  /** Set while the channel is ready. */
  #publisher: Link | undefined;
  #pending = 0;
  /** What the other replicas have not been told, since the connection was lost or too much waited. */
  readonly #owed = new Set<ReplicaMessage['kind']>();

  constructor(options: ReplicaChannelOptions) {
    this.#options = options;
    this.#running = retry((worked) => this.#connect(worked), {
      ...{ signal: this.#stop.signal, firstPauseMs: FIRST_PAUSE_MS, maxPauseMs: MAX_PAUSE_MS },
      onError: (error) => options.onFailure?.(channelError(error)),
    });
  }

  get state(): 'ready' | 'away' {
    return this.#publisher ? 'ready' : 'away';
  }

  async publish(message: ReplicaMessage): Promise<boolean> {
    const failure = await this.#publish(message);
    this.#options.onPublished?.(failure);
    return failure === undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #publish(message: ReplicaMessage): Promise<PublishFailure | undefined> {
    const publisher = this.#publisher;
    if (!publisher || this.#pending >= MAX_PENDING) {
      this.#owed.add(message.kind);
      return publisher ? 'full' : 'away';
    }
    this.#pending += 1;
    const answered = publisher
      .publish(this.#options.channel, printMessage(message, this.#sender))
      .then(
        () => this.#sent(),
        (error: unknown) => {
          this.#pending -= 1;
          if (isReply(error)) return 'refused';
          this.#owed.add(message.kind); // the server may have taken it, or not
          return 'away';
        },
      );
    return within(PUBLISH_MS, answered, 'timeout');
  }

  #sent(): undefined {
    this.#pending -= 1;
    if (this.#pending <= MAX_PENDING / 2) this.#payOwed();
  }

  /** A message that fails again is owed again. */
  #payOwed(): void {
    const owed = [...this.#owed];
    this.#owed.clear();
    for (const kind of owed) void this.publish(kind === 'purge' ? PURGE_ALL : { kind });
  }

  /** Returns when the channel is disposed. @throws when a connection is lost or cannot be made */
  async #connect(worked: () => void): Promise<void> {
    const { address, readTls, onReady, onMissed } = this.#options;
    try {
      await holdLinks({
        ...{ address, readTls, count: 2, signal: this.#stop.signal, worked },
        enter: ([publisher, subscriber]) => this.#listen(publisher!, subscriber!), // `count` above
        onReady: ([publisher]) => {
          this.#publisher = publisher;
          onReady?.();
          onMissed();
          this.#payOwed();
        },
      });
    } finally {
      this.#publisher = undefined;
    }
  }

  async #listen(publisher: Link, subscriber: Link): Promise<void> {
    await subscriber.subscribe(this.#options.channel, (message) => this.#hear(message));
    await publisher.ping();
  }

  #hear(bytes: Buffer): void {
    const { onMessage, onMissed, onRefused } = this.#options;
    const received = readMessage(bytes);
    if (typeof received !== 'string') {
      if (received.sender !== this.#sender) onMessage(received.message);
      return;
    }
    onRefused?.(received);
    if (received === 'version') onMissed(); // it may be a purge that only later versions know
  }
}
