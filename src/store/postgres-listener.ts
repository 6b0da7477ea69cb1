/**
 * Receives the announcements of other processes (PostgreSQL's LISTEN) on a separate connection.
 *
 * The listener reopens a lost connection, and each new connection counts as an announcement, since
 * the listener may have missed some.
 */
import type pg from 'pg';
import { every } from '../clock.ts';

export interface PostgresListenerOptions {
  readonly connect: () => Promise<pg.Client>;
  readonly channel: string;
  readonly onError: (error: unknown) => void;
}

/** Pause between two attempts to connect. It may be long, since the follower also polls. */
const PAUSE_MS = 1000;

export class PostgresListener implements AsyncDisposable {
  readonly #options: PostgresListenerOptions;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PostgresListenerOptions) {
    this.#options = options;
  }

  /** Adds a listener. The first listener opens the connection. */
  add(listener: () => void): void {
    const { signal } = this.#stop;
    const { onError } = this.#options;
    this.#listeners.add(listener);
    this.#running ??= every(PAUSE_MS, () => this.#hear(signal), { signal, onError });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Resolves when the connection has ended. */
  async #hear(signal: AbortSignal): Promise<void> {
    const client = await this.#options.connect();
    const ended = new Promise<void>((resolve, reject) => {
      client.once('end', resolve);
      client.once('error', reject);
      client.on('error', () => undefined); // later errors do not matter
    });
    ended.catch(() => undefined); // `ended` is awaited below
    const end = (): void => void client.end().catch(() => undefined); // ended, too
    client.on('notification', () => this.#tell());
    signal.addEventListener('abort', end, { once: true });
    try {
      if (signal.aborted) return;
      await client.query(`listen ${this.#options.channel}`);
      this.#tell();
      await ended;
    } finally {
      signal.removeEventListener('abort', end);
      end();
      await ended.catch(() => undefined); // the error was thrown above
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
