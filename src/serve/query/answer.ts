/**
 * Writes the answers of the query API: `{"status":"success","data":…}`, as they are made, as fast as
 * the reader takes them, compressed if it accepts gzip.
 */
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { everyTurn } from '../../clock.ts';
import type { RequestContext } from '../request.ts';
import { type SendLimits, sendChunks } from '../send-chunks.ts';

/** What a call gave. */
export interface Answer {
  /** The JSON of `data`. */
  readonly data: Iterable<string | Buffer>;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  /** How the answer came about, for `explain=1`. */
  readonly explain?: unknown;
}

/** Pieces are joined to chunks of this size, since many small writes are slow. */
const CHUNK_BYTES = 65_536;
/** Smaller answers are not compressed: they would hardly become smaller. */
const LEAST_ZIPPED_BYTES = 1_400;
const GZIP_LEVEL = 1;
/** How long an answer is written before other requests run. */
const TURN_MS = 2;
/** As many warnings, and as many infos, are told; their number is told of the others. */
const MAX_TOLD = 10;

/** An answer whose data is small. */
export function jsonAnswer(data: unknown, more: Omit<Answer, 'data'> = {}): Answer {
  return { ...more, data: [JSON.stringify(data)] };
}

/** An answer that is a list of many items, each written on its own. */
export function* listPieces(items: Iterable<unknown>): Generator<string, void, void> {
  yield* joinedList(map(items, (item) => JSON.stringify(item)));
}

/** An answer that is an object of many members, each written on its own. */
export function* objectPieces(
  members: Iterable<readonly [name: string, value: unknown]>,
): Generator<string, void, void> {
  let before = '{';
  for (const [name, value] of members) {
    yield `${before}${JSON.stringify(name)}:${JSON.stringify(value)}`;
    before = ',';
  }
  yield before === '{' ? '{}' : '}';
}

/** The same as a list, for items that are JSON already. */
export function* joinedList(items: Iterable<string>): Generator<string, void, void> {
  let before = '[';
  for (const item of items) {
    yield before + item;
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}

function* map<T>(items: Iterable<unknown>, to: (item: unknown) => T): Generator<T, void, void> {
  for (const item of items) yield to(item);
}

/** Sends an answer. @returns when the reader has it, or has left */
export async function sendAnswer(
  ctx: RequestContext,
  answer: Answer,
  limits: SendLimits,
): Promise<void> {
  await sendBytes(ctx, envelope(answer), { type: 'application/json', limits });
}

function* envelope({ data, warnings, infos, explain }: Answer): Generator<string | Buffer> {
  yield '{"status":"success","data":';
  yield* data;
  if (warnings?.length) yield `,"warnings":${JSON.stringify(told(warnings, 'warning'))}`;
  if (infos?.length) yield `,"infos":${JSON.stringify(told(infos, 'info'))}`;
  if (explain !== undefined) yield `,"explain":${JSON.stringify(explain)}`;
  yield '}';
}

function told(texts: readonly string[], kind: string): string[] {
  const once = [...new Set(texts)].map((text) => text.toWellFormed());
  if (once.length <= MAX_TOLD) return once;
  const left = once.length - MAX_TOLD;
  return [...once.slice(0, MAX_TOLD), `${left} more ${kind} annotations omitted`];
}

interface Form {
  readonly type: string;
  readonly limits: SendLimits;
  /** Whether the bytes are not to be compressed: they are already. */
  readonly isFinal?: boolean;
}

/** Sends bytes of any form: small answers at once, large ones in chunks. */
export async function sendBytes(
  ctx: RequestContext,
  pieces: Iterable<string | Buffer> | AsyncIterable<string | Buffer>,
  { type, limits, isFinal = false }: Form,
): Promise<void> {
  const chunks = joined(pieces);
  const first = await chunks.next();
  const head: Buffer = first.done === true ? Buffer.alloc(0) : first.value;
  const gzip =
    !isFinal &&
    head.length >= LEAST_ZIPPED_BYTES &&
    ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  ctx.status = 200;
  ctx.set('Content-Type', type);
  ctx.vary('Accept-Encoding');
  if (gzip) ctx.set('Content-Encoding', 'gzip');
  const second = await chunks.next();
  if ((second.done === true && !gzip) || ctx.method === 'HEAD') {
    await chunks.return?.(undefined);
    ctx.body = head;
    return;
  }
  ctx.respond = false;
  ctx.res.statusCode = 200;
  const rest = restOf(head, second.done === true ? undefined : second.value, chunks);
  await sendChunks(ctx, gzip ? zipped(rest) : rest, limits);
}

async function* restOf(
  head: Buffer,
  next: Buffer | undefined,
  chunks: AsyncGenerator<Buffer>,
): AsyncGenerator<Buffer, void, void> {
  try {
    yield head;
    if (next === undefined) return;
    yield next;
    yield* chunks;
  } finally {
    await chunks.return(undefined); // ends its source if the reader has left
  }
}

async function* zipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const gzip = createGzip({ level: GZIP_LEVEL });
  const source = Readable.from(chunks, { objectMode: false, highWaterMark: CHUNK_BYTES });
  source.once('error', (error) => gzip.destroy(error));
  source.pipe(gzip);
  try {
    for await (const chunk of gzip) yield chunk as Buffer;
  } finally {
    source.destroy();
    gzip.destroy();
  }
}

/** Joins pieces to chunks, and lets other requests run in between. */
async function* joined(
  pieces: Iterable<string | Buffer> | AsyncIterable<string | Buffer>,
): AsyncGenerator<Buffer, void, void> {
  const pace = everyTurn(TURN_MS);
  const chunk = new Chunk();
  for await (const piece of pieces) {
    chunk.add(piece);
    const turn = pace();
    if (turn !== undefined) await turn;
    if (chunk.size >= CHUNK_BYTES) yield chunk.take();
  }
  if (chunk.size > 0) yield chunk.take();
}

/** Texts and bytes that will be one chunk. */
class Chunk {
  #parts: Buffer[] = [];
  #text = '';
  #bytes = 0;

  /** In bytes, about. */
  get size(): number {
    return this.#bytes + this.#text.length;
  }

  add(piece: string | Buffer): void {
    if (typeof piece === 'string') this.#text += piece;
    else {
      this.#endText();
      this.#parts.push(piece);
      this.#bytes += piece.length;
    }
  }

  take(): Buffer {
    this.#endText();
    const [first, ...others] = this.#parts;
    const whole = first !== undefined && others.length === 0 ? first : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return whole;
  }

  #endText(): void {
    if (this.#text === '') return;
    const bytes = Buffer.from(this.#text);
    this.#text = '';
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }
}
