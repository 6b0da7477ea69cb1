/** Lets any number of waiters wait for the next time that something happens. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  ring(): void {
    for (const call of [...this.#waiting]) call();
  }

  /** Resolves at the next `ring`, or when `signal` aborts. */
  rung(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      signal.addEventListener('abort', done);
      this.#waiting.add(done);
    });
  }
}
