/**
 * Receives the announcements of other processes (PostgreSQL's LISTEN) on a separate connection.
 *
 * The listener reopens a lost connection, and each new connection counts as an announcement, since
 * the listener may have missed some.
 */
import type pg from 'pg';
import { sleep } from '../clock.ts';

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
    this.#listeners.add(listener);
    this.#running ??= this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#hear(signal);
      } catch (error) {
        if (!signal.aborted) this.#options.onError(error);
      }
      await sleep(PAUSE_MS, signal);
    }
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
