/**
 * Bounds the bytes of one response on the wire: status lines, headers, chunk sizes, trailers and
 * compressed bytes together.
 *
 * The bounds on headers and body count only the bytes that a parser hands out. No parser hands out
 * blank lines before the status line, chunk extensions, zeros in a chunk size or empty gzip
 * members: without this bound they could cost CPU until the deadline.
 */

/** Bound on bytes before the body, including interim responses. */
const MAX_HEAD_BYTES = 65_536;
/** Bytes on the wire allowed for a body in addition to `scrape.max_body`. */
const EXTRA_BYTES = 1_048_576;

/** A response, or a line of one, exceeded its bound. */
export class WireLimitError extends Error {
  override readonly name = 'WireLimitError';

  constructor(limitBytes: number) {
    super(`more than ${limitBytes} bytes came`);
  }
}

export class WireLimit {
  #receivedBytes = 0;
  #limitBytes = MAX_HEAD_BYTES;

  /** Starts to count for a new request. */
  begin(): void {
    this.#receivedBytes = 0;
    this.#limitBytes = MAX_HEAD_BYTES;
  }

  /** Raises the bound after the final status and headers arrived. */
  bodyBegins(maxBodyBytes: number): void {
    this.#limitBytes = maxBodyBytes + EXTRA_BYTES;
  }

  /**
   * Counts the bytes of one read. The read that crosses the bound still passes, since it may hold
   * the end of the headers and the start of the body; no later read passes.
   *
   * @returns undefined if the read may pass
   */
  take(bytes: number): WireLimitError | undefined {
    if (this.#receivedBytes > this.#limitBytes) return new WireLimitError(this.#limitBytes);
    this.#receivedBytes += bytes;
    return undefined;
  }
}
