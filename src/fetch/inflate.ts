/**
 * Decompresses a gzip body while it comes in.
 *
 * Small bodies, which most pages are, wait until they are whole and are then inflated in one go:
 * 40 us CPU for a page of 50 KB, against 160 with a stream of node:zlib and its thread pool. All
 * others are streamed, so that nothing is inflated that nobody takes: who gets the output counts
 * it, and ends this when it is too much. What comes while the stream is busy is put together: with
 * one write for each, a body in chunks of one byte took a minute of CPU.
 */
import { createGunzip, type Gunzip, gunzipSync } from 'node:zlib';

/** Who gets the output. Nothing comes after `inflated`, `notGzip` or `destroy`. */
export interface InflateReceiver {
  inflatedPart(chunk: Buffer): void;
  inflated(): void;
  /** It is damaged, or has no end (code Z_BUF_ERROR). */
  notGzip(error: Error): void;
  /** Takes input again, after `write` returned false. */
  hungry(): void;
}

/** Compressed bytes that wait to be whole. */
const MAX_HELD_BYTES = 32_768;
/** What is inflated in one go at most: under a millisecond. */
const MAX_AT_ONCE_BYTES = 524_288;
const CHUNK_BYTES = 65_536;

export class Inflater {
  readonly #receiver: InflateReceiver;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #stream: Gunzip | undefined;
  /** The stream has something to do; what comes meanwhile is held. */
  #busy = false;
  /** No more input comes. */
  #ended = false;
  /** `write` has returned false since the receiver was last told that more is wanted. */
  #full = false;

  constructor(receiver: InflateReceiver) {
    this.#receiver = receiver;
  }

  /** @returns whether more is wanted now */
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

  /** All input is there. No input at all is a stream without its end. */
  end(): void {
    this.#ended = true;
    if (this.#stream) {
      if (!this.#busy) this.#feed();
    } else this.#inflateAtOnce();
  }

  /** Holds the output back until `resume`. What is inflated in one go comes all the same. */
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
      // Larger than that: piece by piece.
      if (error instanceof RangeError) this.#feed();
      else this.#receiver.notGzip(error as Error); // zlib throws nothing else
      return;
    }
    this.#held = [];
    this.#receiver.inflatedPart(output);
    this.#receiver.inflated();
  }

  /** Hands the stream all that is held, as one piece, and its end behind the last one. */
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

  /** The stream has taken what it was given. */
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
