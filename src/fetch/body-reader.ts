/**
 * Reads the body of one response: decompresses it, gets room for it from the byte budget, and lets
 * large pages take turns. The owner hands over each chunk, and is told once how the body ended.
 *
 * The input is paused while the body waits for room or for its turn.
 */
import { type Added, Body, PART_BYTES } from './body.ts';
import type { Budget } from './budget.ts';
import type { Failure } from './failure.ts';
import { firstValue, type Get, type ResponseHeaders } from './get.ts';
import { type InflateReceiver, Inflater } from './inflate.ts';
import type { Account } from './lease.ts';
import { free, ReadMemory } from './memory.ts';
import { HEAVY_BYTES, type Paced, type Pacer } from './pacer.ts';

/** The fetch whose body is read. The reader calls nothing after `bodyCame` or `bodyFailed`. */
export interface BodyOwner {
  /** The Cloud Foundry space on whose turn a large page continues. */
  readonly space: string;
  /** Where the body comes from. */
  readonly input: Pick<Get, 'pause' | 'resume'> | undefined;
  bodyCame(body: Buffer): void;
  /** @param cause - the message of the underlying error, for the log */
  bodyFailed(failure: Failure, cause?: string): void;
}

export interface BodyReaderOptions {
  readonly owner: BodyOwner;
  readonly budget: Budget;
  readonly pacer: Pacer;
  /** The open account of this fetch. Its claim's `bytesGranted` must call `granted`. */
  readonly account: Account;
  /** `scrape.max_body`, after decompression. */
  readonly maxBytes: number;
  /** The headers of the response. */
  readonly headers: ResponseHeaders;
  /** Whether the reader may free the chunks' memory: true for HTTP/1.1 responses only. */
  readonly freesInput: boolean;
}

/** The fixed cost of each piece, in bytes of body: an instance may send chunks of one byte. */
const PIECE_EFFORT_BYTES = 8;

export class BodyReader implements Paced, InflateReceiver {
  /** The `Content-Type` of the response, else ''. */
  readonly contentType: string;
  readonly headers: ResponseHeaders;
  readonly #owner: BodyOwner;
  readonly #pacer: Pacer;
  readonly #body: Body;
  readonly #maxBytes: number;
  /** NaN if the headers do not tell the size of the decompressed body. */
  readonly #announcedBytes: number;
  readonly #inflater: Inflater | undefined;
  readonly #read: ReadMemory | undefined;
  /** The cost of the body so far, in bytes: see PIECE_EFFORT_BYTES. */
  #effortBytes = 0;
  /** Whether the body is large and waits for its turn. */
  #paced = false;
  /** Whether the whole body arrived; it may still wait for room, or for its turn to be joined. */
  #hasCome = false;
  /** Whether the owner was told the end of the body, or called `stop`. */
  #over = false;

  constructor(options: BodyReaderOptions) {
    const { owner, pacer, maxBytes, headers, freesInput } = options;
    const zipped = isGzip(headers['content-encoding']);
    this.contentType = firstValue(headers['content-type']) ?? '';
    this.headers = headers;
    this.#owner = owner;
    this.#pacer = pacer;
    this.#body = new Body(options);
    this.#maxBytes = maxBytes;
    this.#announcedBytes = zipped ? Number.NaN : Number(firstValue(headers['content-length']));
    this.#inflater = zipped ? new Inflater(this) : undefined;
    this.#read = freesInput && !zipped ? new ReadMemory() : undefined;
  }

  get space(): string {
    return this.#owner.space;
  }

  /** Bytes of the body that arrived, after decompression. */
  get length(): number {
    return this.#body.length;
  }

  /** Prepares for a body of the announced size; fails at once if that size is too large. */
  begin(): void {
    const bytes = this.#announcedBytes;
    if (bytes > this.#maxBytes) this.#fail('too-large');
    else if (bytes >= 0) this.#body.expect(bytes);
  }

  /**
   * Takes a piece of the response's body.
   *
   * @param pieces - how many pieces from the wire the chunk was joined from
   */
  write(chunk: Buffer, pieces = 1): void {
    if (this.#inflater) {
      if (!this.#inflater.write(chunk)) this.#owner.input?.pause();
      return;
    }
    this.#read?.add(chunk); // must precede the pause that this chunk may cause
    this.#add(chunk, pieces);
  }

  /** The response has ended. */
  end(): void {
    if (this.#inflater) this.#inflater.end();
    else this.#complete();
  }

  /** Continues after the budget granted the room that the body waited for. */
  granted(): void {
    if (this.#takes(this.#body.granted()) && !this.#paced) this.#resume();
  }

  turnCame(): void {
    this.#paced = false;
    if (!this.#over && !this.#body.waiting) this.#resume();
  }

  /** Stops reading; the reader calls the owner no more. */
  stop(): void {
    this.#over = true;
    this.#inflater?.destroy();
  }

  /** Frees the memory of a body that nobody needs any more. */
  discard(): void {
    this.#body.discard();
  }

  inflatedPart(chunk: Buffer): void {
    this.#add(chunk);
    // zlib's stream never uses a buffer again once it has filled the buffer to its end.
    const isLast = chunk.byteOffset + chunk.length === chunk.buffer.byteLength;
    if (isLast && (this.#over || !this.#body.waiting)) free(chunk.buffer);
  }

  inflated(): void {
    this.#complete();
  }

  notGzip(error: Error): void {
    const isCut = 'code' in error && error.code === 'Z_BUF_ERROR';
    this.#fail(isCut ? 'truncated' : 'invalid', `gzip: ${error.message}`);
  }

  hungry(): void {
    this.#owner.input?.resume();
  }

  #add(chunk: Buffer, pieces = 1): void {
    if (this.#over || !this.#takes(this.#body.add(chunk))) return;
    const effort = chunk.length + pieces * PIECE_EFFORT_BYTES;
    this.#effortBytes += effort;
    if (this.#effortBytes <= HEAVY_BYTES || this.#paced) return;
    this.#paced = !this.#pacer.spend(effort, this);
    if (this.#paced) this.#pause();
  }

  /** @returns whether the body can take more now */
  #takes(added: Added): boolean {
    if (added === 'full') this.#fail('too-large');
    else if (added === 'refused') this.#fail('over-budget');
    else if (added === 'waiting') this.#pause();
    return added === 'added';
  }

  #pause(): void {
    this.#read?.keep();
    if (this.#inflater) this.#inflater.pause();
    else this.#owner.input?.pause();
  }

  #resume(): void {
    if (this.#hasCome) this.#complete();
    else if (this.#inflater) this.#inflater.resume();
    else this.#owner.input?.resume();
  }

  #complete(): void {
    if (this.#over) return;
    this.#hasCome = true;
    if (this.#body.waiting) return;
    let body = this.#body.finish();
    while (body === undefined) {
      this.#paced = !this.#pacer.spend(PART_BYTES, this);
      if (this.#paced) return;
      body = this.#body.finish();
    }
    this.#read?.freeSoon();
    this.#over = true;
    this.#owner.bodyCame(body);
  }

  #fail(failure: Failure, cause?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.bodyFailed(failure, cause);
  }
}

/**
 * Promgate asks for gzip only. Under any other `Content-Encoding` (`none`, `utf-8`, a media type)
 * the reader takes the bytes as they are; of several headers the first counts, as in Prometheus.
 */
function isGzip(header: string | string[] | undefined): boolean {
  return /^(?:x-)?gzip$/i.test((firstValue(header) ?? '').trim());
}
