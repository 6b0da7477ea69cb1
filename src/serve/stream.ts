/**
 * Long answers in pieces: written as the reader takes them, gzipped if it likes.
 */
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { ParameterizedContext } from 'koa';

/** Below this a piece waits for the next: small writes cost more than they bring. */
const CHUNK_CHARACTERS = 32_768;
const GZIP_LEVEL = 2;

/**
 * Answers with `pieces`, one after the other; with HEAD only the headers go out.
 *
 * The pieces are made as they are needed, in steps between which other requests are served.
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
  // An error of the source ends the gzip stream with it, and koa reports that one.
  ctx.body = pipeline(source, createGzip({ level: GZIP_LEVEL }), () => undefined);
}

/** Joins pieces to chunks, and lets the event loop turn between two of them. */
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
