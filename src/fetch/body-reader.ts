/**
 * Reads the body of one response: decompression, room in the byte budget, and the turns of large
 * pages. The owner hands over what comes, and is told once how the body ended.
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

/** Whose body is read. Nothing comes after `bodyCame` or `bodyFailed`. */
export interface BodyOwner {
  /** The space whose turn it is when a large page goes on. */
  readonly space: string;
  /** Where the body comes from. */
  readonly input: Pick<Get, 'pause' | 'resume'> | undefined;
  bodyCame(body: Buffer): void;
  /** @param cause - the message of what broke the body, for the log */
  bodyFailed(failure: Failure, cause?: string): void;
}

export interface BodyReaderOptions {
  readonly owner: BodyOwner;
  readonly budget: Budget;
  readonly pacer: Pacer;
  /** Of this fetch, open. Its `bytesGranted` must lead to `granted`. */
  readonly account: Account;
  /** `scrape.max_body`, after decompression. */
  readonly maxBytes: number;
  /** Of the response. */
  readonly headers: ResponseHeaders;
  /** Whether the memory of what was read may be freed: that of HTTP/1.1 responses only. */
  readonly freesInput: boolean;
}

/** Whatever its size, a piece of a body costs as much as this many bytes: chunks may hold one each. */
const PIECE_EFFORT_BYTES = 8;

export class BodyReader implements Paced, InflateReceiver {
  readonly #owner: BodyOwner;
  readonly #pacer: Pacer;
  readonly #body: Body;
  readonly #maxBytes: number;
  /** NaN where the headers do not say how large the body is. */
  readonly #announcedBytes: number;
  readonly #inflater: Inflater | undefined;
  readonly #read: ReadMemory | undefined;
  /** What taking the body in has cost, in bytes: see PIECE_EFFORT_BYTES. */
  #effortBytes = 0;
  /** The body is large, and waits for its turn. */
  #paced = false;
  /** All has come; the body may wait for room, or for its turn to be put together. */
  #hasCome = false;
  /** The owner has been told the end, or has ended the reading. */
  #over = false;

  constructor(options: BodyReaderOptions) {
    const { owner, pacer, maxBytes, headers, freesInput } = options;
    const zipped = isGzip(headers['content-encoding']);
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

  /** Bytes of the body that came, after decompression. */
  get length(): number {
    return this.#body.length;
  }

  /** Prepares for a body of the size that the headers announce; one that is too large has failed. */
  begin(): void {
    const bytes = this.#announcedBytes;
    if (bytes > this.#maxBytes) this.#fail('too-large');
    else if (bytes >= 0) this.#body.expect(bytes);
  }

  /**
   * Takes a piece of the response's body.
   *
   * @param pieces - how many pieces of the wire the chunk was put together from
   */
  write(chunk: Buffer, pieces = 1): void {
    if (this.#inflater) {
      if (!this.#inflater.write(chunk)) this.#owner.input?.pause();
      return;
    }
    this.#read?.add(chunk); // before a pause for this chunk
    this.#add(chunk, pieces);
  }

  /** The response has ended. */
  end(): void {
    if (this.#inflater) this.#inflater.end();
    else this.#complete();
  }

  /** The budget has given the room that the body waits for. */
  granted(): void {
    if (this.#takes(this.#body.granted()) && !this.#paced) this.#resume();
  }

  turnCame(): void {
    this.#paced = false;
    if (!this.#over && !this.#body.waiting) this.#resume();
  }

  /** Ends the reading; the owner hears nothing more. */
  stop(): void {
    this.#over = true;
    this.#inflater?.destroy();
  }

  /** Frees the memory of a body that is of no more use. */
  discard(): void {
    this.#body.discard();
  }

  inflatedPart(chunk: Buffer): void {
    this.#add(chunk);
    // The stream fills a buffer to its end, and never looks at it again.
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

  /** @returns whether more may come */
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
 * Only gzip was asked for. Whatever else a `Content-Encoding` says (`none`, `utf-8`, a media type),
 * the bytes are tried as they are; of several the first counts. So does Prometheus.
 */
function isGzip(header: string | string[] | undefined): boolean {
  return /^(?:x-)?gzip$/i.test((firstValue(header) ?? '').trim());
}
