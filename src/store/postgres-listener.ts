/**
 * Hears what other processes announce through PostgreSQL (LISTEN), by a connection of its own.
 *
 * A lost connection is opened again, and counts as an announcement: some may have been missed.
 */
import type pg from 'pg';
import { every } from '../clock.ts';

export interface PostgresListenerOptions {
  readonly connect: () => Promise<pg.Client>;
  readonly channel: string;
  readonly onError: (error: unknown) => void;
}

/** Between two attempts to connect: nobody waits for it, readers also ask by themselves. */
const PAUSE_MS = 1000;

export class PostgresListener implements AsyncDisposable {
  readonly #options: PostgresListenerOptions;
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: PostgresListenerOptions) {
    this.#options = options;
  }

  /** The first one opens the connection. */
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
      client.on('error', () => undefined); // further ones of a connection that is given up
    });
    ended.catch(() => undefined); // awaited below
    const end = (): void => void client.end().catch(() => undefined); // it has ended then
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
      await ended.catch(() => undefined); // thrown above
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
