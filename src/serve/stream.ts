/**
 * Writes long answers in pieces, as fast as the reader takes them; compressed if it accepts gzip.
 */
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { ParameterizedContext } from 'koa';

/** Pieces are joined until they have this many characters, since many small writes are slow. */
const CHUNK_CHARACTERS = 32_768;
const GZIP_LEVEL = 2;

/**
 * Answers with `pieces`, one after the other; answers HEAD with the headers only.
 *
 * `pieces` is read only as fast as the reader takes it, and other requests run in between.
 */
export function answerPieces(
  ctx: ParameterizedContext,
  type: string,
  pieces: Iterable<string>,
): void {
  ctx.status = 200;
  ctx.set('Content-Type', type);
  ctx.vary('Accept-Encoding');
  const gzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  if (gzip) ctx.set('Content-Encoding', 'gzip');
  if (ctx.method === 'HEAD') {
    ctx.body = Readable.from([]);
    return;
  }
  const source = Readable.from(chunks(pieces), { objectMode: false, highWaterMark: 65_536 });
  if (!gzip) {
    ctx.body = source;
    return;
  }
  // An error of the source also ends the gzip stream, whose error koa reports.
  ctx.body = pipeline(source, createGzip({ level: GZIP_LEVEL }), () => undefined);
}

/** Joins pieces to chunks, and lets other requests run after each chunk. */
async function* chunks(pieces: Iterable<string>): AsyncGenerator<Buffer> {
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield Buffer.from(text);
    text = '';
    await new Promise(setImmediate);
  }
  if (text !== '') yield Buffer.from(text);
}
