/**
 * How much one answer may have on the wire: status lines, headers, chunk sizes, trailers and
 * compressed bytes together.
 *
 * The bounds on headers and body see only what a parser hands out. Blank lines before the status
 * line, chunk extensions, zeros in a chunk size and empty gzip members are handed out to nobody:
 * without this bound they cost CPU until the deadline.
 */

/** Before the body begins, interim responses included. */
const MAX_HEAD_BYTES = 65_536;
/** What the body may cost beside `scrape.max_body`. */
const EXTRA_BYTES = 1_048_576;

/** An answer went on beyond its bound. */
export class WireLimitError extends Error {
  override readonly name = 'WireLimitError';

  constructor(limitBytes: number) {
    super(`more than ${limitBytes} bytes came`);
  }
}

export class WireLimit {
  #receivedBytes = 0;
  #limitBytes = MAX_HEAD_BYTES;

  /** A request is sent: its answer begins. */
  begin(): void {
    this.#receivedBytes = 0;
    this.#limitBytes = MAX_HEAD_BYTES;
  }

  /** The final status and headers have come. */
  bodyBegins(maxBodyBytes: number): void {
    this.#limitBytes = maxBodyBytes + EXTRA_BYTES;
  }

  /**
   * Counts what was read. The read that crosses the bound still passes, since it may hold the end of
   * the headers and the beginning of the body; nothing passes after it.
   *
   * @returns undefined where it may pass
   */
  take(bytes: number): WireLimitError | undefined {
    if (this.#receivedBytes > this.#limitBytes) return new WireLimitError(this.#limitBytes);
    this.#receivedBytes += bytes;
    return undefined;
  }
}
