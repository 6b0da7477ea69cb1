/**
 * Decompresses a gzip body while it arrives.
 *
 * Small bodies, as most pages are, are inflated in one call once they are whole: 40 us CPU for a
 * page of 50 KB, against 160 us with a stream of node:zlib and its thread pool. Larger bodies are
 * streamed, so that the receiver can count the output and stop the inflater at its limit. Chunks
 * that arrive while the stream is busy are joined: with one write for each chunk, a body in chunks
 * of one byte took a minute of CPU.
 */
import { createGunzip, type Gunzip, gunzipSync } from 'node:zlib';

/** Gets the output. No call follows `inflated`, `notGzip` or `destroy`. */
export interface InflateReceiver {
  inflatedPart(chunk: Buffer): void;
  inflated(): void;
  /** The input is damaged, or ends too early (code Z_BUF_ERROR). */
  notGzip(error: Error): void;
  /** The inflater takes input again, after `write` returned false. */
  hungry(): void;
}

/** Bound on compressed bytes held before streaming begins. */
const MAX_HELD_BYTES = 32_768;
/** Bound on the output of one synchronous call: under a millisecond. */
const MAX_AT_ONCE_BYTES = 524_288;
const CHUNK_BYTES = 65_536;

export class Inflater {
  readonly #receiver: InflateReceiver;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #stream: Gunzip | undefined;
  /** Whether the stream is processing a write; meanwhile new chunks are held. */
  #busy = false;
  /** Whether the input has ended. */
  #ended = false;
  /** Whether `write` returned false and `hungry` has not been called since. */
  #full = false;

  constructor(receiver: InflateReceiver) {
    this.#receiver = receiver;
  }

  /** @returns whether the inflater takes more input now */
  write(chunk: Buffer): boolean {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes <= MAX_HELD_BYTES) {
      if (this.#stream && !this.#busy) this.#feed();
      return true;
    }
    if (!this.#busy) this.#feed();
    else this.#full = true;
    return !this.#full;
  }

  /** Ends the input. Empty input counts as a gzip stream that ends too early. */
  end(): void {
    this.#ended = true;
    if (this.#stream) {
      if (!this.#busy) this.#feed();
    } else this.#inflateAtOnce();
  }

  /** Holds the output of the stream back until `resume`; a synchronous call is not held back. */
  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  destroy(): void {
    this.#held = [];
    this.#stream?.destroy();
  }

  #inflateAtOnce(): void {
    const options = { chunkSize: CHUNK_BYTES, maxOutputLength: MAX_AT_ONCE_BYTES };
    let output: Buffer;
    try {
      output = gunzipSync(Buffer.concat(this.#held), options);
    } catch (error) {
      // The output exceeds MAX_AT_ONCE_BYTES: stream the body.
      if (error instanceof RangeError) this.#feed();
      else this.#receiver.notGzip(error as Error); // zlib throws nothing else
      return;
    }
    this.#held = [];
    this.#receiver.inflatedPart(output);
    this.#receiver.inflated();
  }

  /** Writes all held chunks to the stream as one, or ends the stream if none is left. */
  #feed(): void {
    this.#stream ??= this.#createStream();
    if (this.#heldBytes === 0) {
      if (this.#ended) this.#stream.end();
      return;
    }
    const input = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    this.#busy = true;
    this.#stream.write(input, this.#taken);
  }

  /** Called when the stream has processed a write. */
  readonly #taken = (error?: Error | null): void => {
    this.#busy = false;
    if (error || this.#stream?.destroyed) return;
    this.#feed();
    if (!this.#full) return;
    this.#full = false;
    this.#receiver.hungry();
  };

  #createStream(): Gunzip {
    const stream = createGunzip({ chunkSize: CHUNK_BYTES });
    stream.on('data', (chunk: Buffer) => this.#receiver.inflatedPart(chunk));
    stream.on('end', () => this.#receiver.inflated());
    stream.on('error', (error) => this.#receiver.notGzip(error));
    return stream;
  }
}
