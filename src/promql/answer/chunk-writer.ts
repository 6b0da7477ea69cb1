/**
 * Bytes under construction, in chunks of bounded size.
 *
 * Each chunk is a buffer of its own, since Node does not copy what a socket is given to write.
 */

/** The first chunk is small, so that a short answer costs little. */
const FIRST_BYTES = 8 * 1024;
/** The size of all further chunks. */
export const CHUNK_BYTES = 64 * 1024;

/** Collects bytes and hands them over as chunks. */
export class ChunkWriter {
  /** The bytes of the chunk that is being filled; whoever asks for room may write up to there and move `at`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  at = 0;

  /** Whether so many bytes fit into the chunk. */
  hasRoom(bytes: number): boolean {
    return this.at + bytes <= this.bytes.length;
  }

  /** The chunk as far as it is filled; the next one begins. */
  take(): Buffer {
    const chunk = this.bytes.subarray(0, this.at);
    this.bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.at = 0;
    return chunk;
  }

  /** Writes a text as it is. Gives the chunks that are full. */
  *plain(text: string): Generator<Buffer> {
    if (!this.hasRoom(text.length * 3)) {
      if (this.at > 0) yield this.take();
      if (!this.hasRoom(text.length * 3)) {
        yield* pieces(Buffer.from(text));
        return;
      }
    }
    this.at += this.bytes.write(text, this.at);
  }

  /**
   * Writes a text as a string of JSON. Gives the chunks that are full.
   *
   * What is no Unicode becomes a replacement character, as readers of JSON would make of it.
   */
  *quoted(text: string): Generator<Buffer> {
    yield* this.plain(JSON.stringify(text.toWellFormed()));
  }
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
    yield bytes.subarray(from, from + CHUNK_BYTES);
  }
}
