/**
 * Reads an HTTP/1 response as Go's client does: what real app servers write, whether or not the
 * standard allows it.
 *
 * Node's parser with `insecureHTTPParser` refuses equal `Content-Length` twice and bare line feeds
 * behind chunks, and says nothing of the bytes it has read. What is read here is one response on a
 * connection of its own, which is closed afterwards: a wrong end cannot become another's beginning.
 *
 * Pure state, one line or piece of body at a time. It tolerates, beyond RFC 9112: line feeds without
 * carriage returns, folded headers, blanks around names, values and chunk sizes, `Content-Length`
 * beside `Transfer-Encoding: chunked` or several times the same, interim responses nobody asked for,
 * control characters in values, headers whose names are none.
 */
import { WireLimitError } from './wire-limit.ts';

/** The bytes are no HTTP response that anybody could read. */
export class NotHttpError extends Error {
  override readonly name = 'NotHttpError';
}

/** By name in lower case; several of one name in their order. */
export type LenientHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Who gets the response. Each may call `stop`. */
export interface ResponseReader {
  head(status: number, headers: LenientHeaders): void;
  /** @param pieces - how many chunks of the response it was put together from */
  body(chunk: Buffer, pieces: number): void;
  whole(): void;
}

/** A line: status, header, chunk size with its extension, trailer. Also all headers together. */
const MAX_LINES_BYTES = 16_384;
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const LF = 0x0a;
const CR = 0x0d;
const BLANK = 0x20;
const TAB = 0x09;
const SEMICOLON = 0x3b;
/** A chunk size with more is read as a string. */
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
  /** The beginning of a line whose end has not come. */
  #line = '';
  /** Of the headers or trailers that came. */
  #linesBytes = 0;
  #minorVersion = 1;
  #status = 0;
  #headers = new Map<string, string[]>();
  #lastHeader: string[] | undefined;
  /** Of the body or chunk; without end where the connection ends it. */
  #leftBytes = 0;
  /** What is being read, and the body in it: moved together, so that it is handed out as one. */
  #chunk: Buffer = Buffer.alloc(0);
  #bodyFrom = 0;
  #bodyTo = 0;
  #pieces = 0;

  constructor(reader: ResponseReader) {
    this.#reader = reader;
  }

  /**
   * @param chunk - is written to: pieces of the body are moved together
   * @throws {NotHttpError} at what no response may hold
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

  /** Nothing more is wanted. */
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

  /** The line end behind a chunk, without a string: it comes as often as chunks do. */
  #skipChunkEnd(chunk: Buffer, at: number): number | undefined {
    if (this.#state !== 'chunk-end' || this.#line !== '') return undefined;
    const length = chunk[at] === LF ? 1 : 2;
    if (length === 2 && (chunk[at] !== CR || chunk[at + 1] !== LF)) return undefined;
    this.#state = 'chunk-size';
    return at + length;
  }

  /**
   * The line of a chunk size, without a string, for the same reason: 20 instances that sent a byte in each
   * chunk kept everybody waiting for half a second. Undefined where it is not whole, or out of the ordinary.
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

  /** What cannot become a line any more is not waited for: it may be another protocol. */
  #refuseEarly(line: string): void {
    const wrong =
      (this.#state === 'status' && !'HTTP/'.startsWith(line.slice(0, 5)) && line !== '\r') ||
      (this.#state === 'chunk-size' && /^[^ \t0-9a-f]/i.test(line)) ||
      (this.#state === 'chunk-end' && line !== '\r');
    if (wrong) throw new NotHttpError(`${shown(line)} begins no ${this.#state} line`);
  }

  #takeLine(line: string): void {
    switch (this.#state) {
      case 'status':
        if (line !== '') this.#takeStatus(line); // blank lines before it are bounded with all else
        return;
      case 'headers':
        this.#count(line);
        if (line === '') this.#endHead();
        else this.#takeHeader(line);
        return;
      case 'chunk-size':
        this.#takeChunkSize(line);
        return;
      case 'chunk-end':
        if (line !== '') throw new NotHttpError(`${shown(line)} stands behind a chunk`);
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
    this.#minorVersion = Number(minor);
    this.#status = Number(status);
    this.#headers = new Map();
    this.#lastHeader = undefined;
    this.#linesBytes = 0;
    this.#state = 'headers';
  }

  #takeHeader(line: string): void {
    if (/^[ \t]/.test(line)) {
      if (!this.#lastHeader) throw new NotHttpError(`${shown(line)} goes on with no header`);
      this.#lastHeader.push(trimmed(`${this.#lastHeader.pop()} ${trimmed(line)}`));
      return;
    }
    const colon = line.indexOf(':');
    if (colon < 0) throw new NotHttpError(`${shown(line)} is no header`);
    const name = trimmed(line.slice(0, colon)).toLowerCase();
    // A name with blanks, beyond ASCII or without a character is nobody's: Go passes over it.
    const values = (TOKEN.test(name) && this.#headers.get(name)) || [];
    values.push(trimmed(line.slice(colon + 1)));
    if (TOKEN.test(name)) this.#headers.set(name, values);
    this.#lastHeader = values;
  }

  #endHead(): void {
    const status = this.#status;
    if (status < 200 && status !== 101) {
      this.#state = 'status';
      return;
    }
    this.#state = this.#framing(status);
    const isEmpty = this.#state === 'sized' && this.#leftBytes === 0;
    this.#linesBytes = 0;
    this.#reader.head(status, record(this.#headers));
    if (isEmpty && (this.#state as State) !== 'over') this.#end();
  }

  /** How the body ends (RFC 9112, 6.3). */
  #framing(status: number): State {
    this.#leftBytes = 0;
    if (status === 101 || status === 204 || status === 304) return 'sized';
    const codings = listed(this.#headers.get('transfer-encoding')).filter(
      (coding) => coding.toLowerCase() !== 'identity',
    );
    // HTTP/1.0 has no codings: Go takes the bytes as they are.
    if (codings.length > 0 && this.#minorVersion > 0) {
      if (!codings.every((coding) => coding.toLowerCase() === 'chunked')) {
        throw new NotHttpError(`Transfer-Encoding ${shown(codings.join())} is not understood`);
      }
      this.#headers.delete('content-length'); // it says nothing, and nobody is to believe it
      return 'chunk-size';
    }
    const lengths = listed(this.#headers.get('content-length'));
    if (lengths.length === 0) {
      this.#leftBytes = Number.POSITIVE_INFINITY;
      return 'to-the-end';
    }
    const [length] = lengths;
    if (!lengths.every((other) => /^\d{1,15}$/.test(other) && Number(other) === Number(length))) {
      throw new NotHttpError(`Content-Length ${shown(lengths.join())} is no one number`);
    }
    this.#leftBytes = Number(length);
    return 'sized';
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

/** -1 for what is none, and behind the end. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function listed(values: readonly string[] = []): string[] {
  return values.flatMap((value) => value.split(',').map(trimmed)).filter((one) => one !== '');
}

/**
 * Without blanks around it. `trim` would take no-break spaces too, which may be half of a UTF-8
 * character here; a regular expression takes the square of a long run of blanks.
 */
function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** For messages: what a line begins with. */
function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function record(headers: ReadonlyMap<string, readonly string[]>): LenientHeaders {
  const made: Record<string, string | string[]> = Object.create(null);
  for (const [name, values] of headers) made[name] = values.length === 1 ? values[0]! : [...values];
  return made;
}
