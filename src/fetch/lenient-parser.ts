/**
 * Reads HTTP/1 responses of real app servers as leniently as Go's client, also where they break the
 * standard.
 *
 * Node's parser with `insecureHTTPParser` refuses equal `Content-Length` twice and bare line feeds
 * behind chunks, and does not report the bytes it has read. This parser reads one response on a
 * connection that is closed afterwards: a misread end cannot damage another response.
 *
 * Pure state, one line or piece of body at a time. Beyond RFC 9112 the parser tolerates: line feeds
 * without carriage returns, folded headers, blanks around names, values and chunk sizes,
 * `Content-Length` beside `Transfer-Encoding: chunked` or repeated with the same value, unrequested
 * interim responses, control characters in values, and headers with invalid names.
 */
import { shown, trimmed } from './header-text.ts';
import { LenientHead, type LenientHeaders, NotHttpError } from './lenient-head.ts';
import { WireLimitError } from './wire-limit.ts';

/** Gets the response. Each method may call the parser's `stop`. */
export interface ResponseReader {
  head(status: number, headers: LenientHeaders): void;
  /** @param pieces - how many pieces of the response the chunk was joined from */
  body(chunk: Buffer, pieces: number): void;
  whole(): void;
}

/** Bound on a line (status, header, chunk size, trailer), and on all headers together. */
const MAX_LINES_BYTES = 16_384;
const LF = 0x0a;
const CR = 0x0d;
const BLANK = 0x20;
const TAB = 0x09;
const SEMICOLON = 0x3b;
/** A chunk size with more digits is read as a string. */
const MAX_QUICK_DIGITS = 8;

type State =
  | 'status'
  | 'headers'
  | 'sized'
  | 'to-the-end'
  | 'chunk-size'
  | 'chunk'
  | 'chunk-end'
  | 'trailer'
  | 'over';

export class LenientParser {
  readonly #reader: ResponseReader;
  #state: State = 'status';
  /** The received part of a line whose end has not arrived. */
  #line = '';
  /** Bytes of the headers or trailers read so far. */
  #linesBytes = 0;
  #status = 0;
  #head = new LenientHead(1);
  /** Bytes left of the body or chunk; infinite if the connection's end ends the body. */
  #leftBytes = 0;
  /** The chunk being read; its pieces of body are moved together and handed out as one. */
  #chunk: Buffer = Buffer.alloc(0);
  #bodyFrom = 0;
  #bodyTo = 0;
  #pieces = 0;

  constructor(reader: ResponseReader) {
    this.#reader = reader;
  }

  /**
   * @param chunk - the parser overwrites it to move pieces of the body together
   * @throws {NotHttpError} at bytes that no response may hold
   * @throws {WireLimitError} at lines that are too long
   */
  write(chunk: Buffer): void {
    this.#chunk = chunk;
    let at = 0;
    while (at < chunk.length && this.#state !== 'over') {
      if (this.#leftBytes > 0) at = this.#readBody(chunk, at);
      else {
        at =
          this.#skipChunkEnd(chunk, at) ??
          this.#readChunkSize(chunk, at) ??
          this.#readLine(chunk, at);
      }
    }
    this.#handOut();
  }

  /**
   * The connection has ended.
   *
   * @returns whether the response is whole
   */
  end(): boolean {
    if (this.#state === 'to-the-end') this.#end();
    return this.#state === 'over';
  }

  /** Ignores the rest of the response. */
  stop(): void {
    this.#state = 'over';
  }

  #end(): void {
    this.#handOut();
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#reader.whole();
  }

  #handOut(): void {
    if (this.#bodyTo === 0) return;
    const body = this.#chunk.subarray(this.#bodyFrom, this.#bodyTo);
    const pieces = this.#pieces;
    this.#bodyTo = 0;
    this.#pieces = 0;
    if (this.#state !== 'over') this.#reader.body(body, pieces);
  }

  #readBody(chunk: Buffer, from: number): number {
    const to = Math.min(chunk.length, from + this.#leftBytes);
    this.#leftBytes -= to - from;
    this.#gather(chunk, from, to);
    if (this.#leftBytes > 0) return to;
    if (this.#state === 'chunk') this.#state = 'chunk-end';
    else this.#end();
    return to;
  }

  #gather(chunk: Buffer, from: number, to: number): void {
    this.#pieces++;
    if (this.#bodyTo === 0) {
      this.#bodyFrom = from;
      this.#bodyTo = to;
      return;
    }
    if (to - from === 1) chunk[this.#bodyTo] = chunk[from]!;
    else chunk.copyWithin(this.#bodyTo, from, to);
    this.#bodyTo += to - from;
  }

  /** Skips the line end after a chunk without making a string, since there is one per chunk. */
  #skipChunkEnd(chunk: Buffer, at: number): number | undefined {
    if (this.#state !== 'chunk-end' || this.#line !== '') return undefined;
    const length = chunk[at] === LF ? 1 : 2;
    if (length === 2 && (chunk[at] !== CR || chunk[at + 1] !== LF)) return undefined;
    this.#state = 'chunk-size';
    return at + length;
  }

  /**
   * Reads the line of a chunk size without making a string: 20 instances that sent one byte in each
   * chunk blocked the event loop for half a second.
   *
   * @returns undefined if the line is incomplete or unusual: `#readLine` reads it
   */
  #readChunkSize(chunk: Buffer, from: number): number | undefined {
    if (this.#state !== 'chunk-size' || this.#line !== '') return undefined;
    let size = 0;
    let at = from;
    for (let digit = hexDigit(chunk[at]); digit >= 0; digit = hexDigit(chunk[++at])) {
      size = size * 16 + digit;
    }
    if (at === from || at - from > MAX_QUICK_DIGITS) return undefined;
    while (chunk[at] === BLANK || chunk[at] === TAB) at++;
    if (chunk[at] === SEMICOLON) at = chunk.indexOf(LF, at);
    else if (chunk[at] === CR) at++;
    if (at < 0 || chunk[at] !== LF || at - from > MAX_LINES_BYTES) return undefined;
    this.#beginChunk(size);
    return at + 1;
  }

  #readLine(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(LF, from);
    const to = lf < 0 ? chunk.length : lf;
    if (this.#line.length + to - from > MAX_LINES_BYTES) throw new WireLimitError(MAX_LINES_BYTES);
    this.#line += chunk.toString('latin1', from, to);
    if (lf < 0) {
      this.#refuseEarly(this.#line);
      return to;
    }
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    this.#takeLine(line);
    return lf + 1;
  }

  /** Refuses an incomplete line that cannot become valid: it may be another protocol. */
  #refuseEarly(line: string): void {
    const wrong =
      (this.#state === 'status' && !'HTTP/'.startsWith(line.slice(0, 5)) && line !== '\r') ||
      (this.#state === 'chunk-size' && /^[^ \t0-9a-f]/i.test(line)) ||
      (this.#state === 'chunk-end' && line !== '\r');
    if (wrong) throw new NotHttpError(`${shown(line)} does not begin a ${this.#state} line`);
  }

  #takeLine(line: string): void {
    switch (this.#state) {
      case 'status':
        if (line !== '') this.#takeStatus(line); // WireLimit bounds blank lines before it
        return;
      case 'headers':
        this.#count(line);
        if (line === '') this.#endHead();
        else this.#head.take(line);
        return;
      case 'chunk-size':
        this.#takeChunkSize(line);
        return;
      case 'chunk-end':
        if (line !== '') throw new NotHttpError(`${shown(line)} stands where a chunk must end`);
        this.#state = 'chunk-size';
        return;
      default: // a trailer
        this.#count(line);
        if (line === '') this.#end();
    }
  }

  #count(line: string): void {
    this.#linesBytes += line.length;
    if (this.#linesBytes > MAX_LINES_BYTES) throw new WireLimitError(MAX_LINES_BYTES);
  }

  #takeStatus(line: string): void {
    const [, minor, status] = /^HTTP\/1\.(\d)[ \t]+([1-9]\d\d)(?:[ \t]|$)/.exec(line) ?? [];
    if (status === undefined) throw new NotHttpError(`${shown(line)} is no status line`);
    this.#status = Number(status);
    this.#head = new LenientHead(Number(minor));
    this.#linesBytes = 0;
    this.#state = 'headers';
  }

  #endHead(): void {
    const status = this.#status;
    if (status < 200 && status !== 101) {
      this.#state = 'status';
      return;
    }
    const framing = this.#head.framing(status);
    this.#state = framing.kind;
    this.#leftBytes = framing.bytes;
    const isEmpty = this.#state === 'sized' && this.#leftBytes === 0;
    this.#linesBytes = 0;
    this.#reader.head(status, this.#head.headers);
    if (isEmpty && (this.#state as State) !== 'over') this.#end();
  }

  #takeChunkSize(line: string): void {
    const extension = line.indexOf(';');
    const digits = trimmed(extension < 0 ? line : line.slice(0, extension));
    const size = /^[0-9a-f]+$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
    if (!Number.isSafeInteger(size)) throw new NotHttpError(`${shown(line)} is no chunk size`);
    this.#beginChunk(size);
  }

  #beginChunk(size: number): void {
    this.#leftBytes = size;
    this.#state = size === 0 ? 'trailer' : 'chunk';
  }
}

/** @returns -1 if the byte is no hexadecimal digit, or undefined */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
