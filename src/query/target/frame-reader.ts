/**
 * The frames of a streamed answer: length, checksum and message, over and over.
 *
 * Takes pieces as they come from the network; a frame is copied only if it spans pieces.
 */
import { crc32c } from './crc32c.ts';

const CHECKSUM_BYTES = 4;
const MAX_LENGTH_BYTES = 5;
/** Prometheus sends one megabyte; a frame of another server may hold a series as a whole. */
const MAX_FRAME_BYTES = 16 * 2 ** 20;

/** The bytes are no frames, or a checksum is wrong. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** A message within bytes. */
export interface MessagePlace {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

export class FrameReader {
  /** What is not yet read, in order. */
  #pieces: Buffer[] = [];
  /** Where the first piece is read on. */
  #at = 0;
  #length = 0;
  /** The length of the message whose bytes are awaited, and of what comes before it. */
  #awaited: { readonly head: number; readonly message: number } | undefined;

  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** @returns the next message; undefined if it has not come as a whole */
  next(): MessagePlace | undefined {
    this.#awaited ??= this.#readLength();
    if (this.#awaited === undefined) return undefined;
    const { head, message } = this.#awaited;
    if (this.#length < head + message) return undefined;
    const { bytes, from, to } = this.#take(head + message);
    this.#awaited = undefined;
    if (crc32c(bytes, from + head, to) !== bytes.readUInt32BE(from + head - CHECKSUM_BYTES))
      throw new FrameError('the checksum of a frame is wrong');
    return { bytes, from: from + head, to };
  }

  /** Whether bytes are left that are no whole frame. */
  get isInside(): boolean {
    return this.#length > 0;
  }

  #readLength(): { head: number; message: number } | undefined {
    let message = 0;
    for (let at = 0; at < MAX_LENGTH_BYTES; at++) {
      const byte = this.#byte(at);
      if (byte === undefined) return undefined;
      message += (byte & 127) * 2 ** (7 * at);
      if (byte >= 128) continue;
      if (message > MAX_FRAME_BYTES)
        throw new FrameError(`a frame has more than ${MAX_FRAME_BYTES} bytes`);
      return { head: at + 1 + CHECKSUM_BYTES, message };
    }
    throw new FrameError('a frame does not begin with its length');
  }

  #byte(at: number): number | undefined {
    let offset = this.#at + at;
    for (const piece of this.#pieces) {
      if (offset < piece.length) return piece[offset];
      offset -= piece.length;
    }
    return undefined;
  }

  #take(length: number): MessagePlace {
    let bytes = this.#pieces[0]!; // there are enough bytes
    if (bytes.length - this.#at < length) {
      bytes = Buffer.concat([bytes.subarray(this.#at), ...this.#pieces.slice(1)]);
      this.#pieces = [bytes];
      this.#at = 0;
    }
    const from = this.#at;
    this.#at += length;
    this.#length -= length;
    if (this.#at === bytes.length) {
      this.#pieces.shift();
      this.#at = 0;
    }
    return { bytes, from, to: from + length };
  }
}
