/**
 * What a simulated server answers: good pages, and every way in which an app instance misbehaves.
 */
import { once } from 'node:events';
import { createGzip, gzipSync } from 'node:zlib';
import { sleep } from '../../src/clock.ts';
import type { Answer, SeenRequest } from './simulated-server.ts';

export const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

export interface PageOptions {
  readonly contentType?: string;
  /** Compresses for requests that accept gzip. */
  readonly gzip?: boolean;
  readonly delayMs?: number;
}

/** A page of metrics, 200. */
export function page(body: string | Buffer, options: PageOptions = {}): Answer {
  const { contentType = TEXT_TYPE, gzip = false, delayMs = 0 } = options;
  const bytes = Buffer.from(body);
  const plain = response(200, { 'Content-Type': contentType }, bytes);
  const zipped = gzip
    ? response(200, { 'Content-Type': contentType, 'Content-Encoding': 'gzip' }, gzipSync(bytes))
    : plain;
  return async ({ request, socket, signal }) => {
    if (delayMs > 0) await sleep(delayMs, signal);
    const whole = request.headers['accept-encoding']?.includes('gzip') ? zipped : plain;
    socket.write(request.method === 'HEAD' ? headOf(whole) : whole);
  };
}

/** A page that depends on the request, such as one that shows its headers. */
export function pageOf(body: (request: SeenRequest) => string): Answer {
  return ({ request, socket }) => {
    socket.write(response(200, { 'Content-Type': TEXT_TYPE }, Buffer.from(body(request))));
  };
}

/** Any other status, with a short text. */
export function status(code: number, body = `status ${code}\n`): Answer {
  const whole = response(code, { 'Content-Type': 'text/plain' }, Buffer.from(body));
  return ({ socket }) => {
    socket.write(whole);
  };
}

/** Sends the reader elsewhere. */
export function redirect(location: string, code = 302): Answer {
  const whole = response(code, { Location: location }, Buffer.alloc(0));
  return ({ socket }) => {
    socket.write(whole);
  };
}

/** What an app without metrics does with a path that it does not know. */
export const html: Answer = page('<!doctype html>\n<html><body>Welcome</body></html>\n', {
  contentType: 'text/html; charset=utf-8',
});

/** Takes the request and never says a word. */
export const hang: Answer = async ({ signal }) => {
  if (!signal.aborted) await once(signal, 'abort');
};

/** Closes the connection instead of answering. */
export const hangUp: Answer = ({ socket }) => {
  socket.destroy();
};

/** Sends the head at once, then the body byte by byte. */
export function trickle(body: string, everyMs = 1_000): Answer {
  const whole = response(200, { 'Content-Type': TEXT_TYPE }, Buffer.from(body));
  const headBytes = headOf(whole).length;
  return async ({ socket, signal }) => {
    socket.write(whole.subarray(0, headBytes));
    for (let at = headBytes; at < whole.length && !signal.aborted; at++) {
      socket.write(whole.subarray(at, at + 1));
      await sleep(everyMs, signal);
    }
  };
}

/** A valid page that never ends, as fast as the reader reads. */
export const endless: Answer = async ({ socket, signal }) => {
  socket.write(head(200, { 'Content-Type': TEXT_TYPE, 'Transfer-Encoding': 'chunked' }));
  for (let line = 0; !signal.aborted; line++) {
    const text = `endless{line="${line}"} 1\n`.repeat(500);
    if (socket.write(`${text.length.toString(16)}\r\n${text}\r\n`)) await sleep(0, signal);
    else await once(socket, 'drain', { signal }).catch(() => undefined); // rejects when aborted
  }
};

/** Says another length than it sends, then closes: a longer one truncates, a shorter one cuts. */
export function lie(body: string, contentLength: number): Answer {
  const fields = { 'Content-Type': TEXT_TYPE, 'Content-Length': String(contentLength) };
  return ({ socket }) => {
    socket.end(head(200, fields) + body);
  };
}

/** Writes these bytes as they stand, and keeps the connection. */
export function raw(bytes: string): Answer {
  return ({ socket }) => {
    socket.write(bytes, 'latin1');
  };
}

/** Sends half of the body, then resets the connection (RST, not FIN). */
export function resetMidBody(body: string): Answer {
  const whole = response(200, { 'Content-Type': TEXT_TYPE }, Buffer.from(body));
  const sentBytes = headOf(whole).length + Math.floor(body.length / 2);
  return ({ socket }) =>
    new Promise((resolve) => {
      socket.write(whole.subarray(0, sentBytes), () => {
        socket.resetAndDestroy();
        resolve();
      });
    });
}

/** A small gzip body that grows to `sizeBytes` of valid text: 200 KB for 200 MB. */
export async function gzipBomb(sizeBytes: number): Promise<Answer> {
  const gzip = createGzip();
  const parts: Buffer[] = [];
  gzip.on('data', (part: Buffer) => parts.push(part));
  const block = Buffer.from(`# ${'x'.repeat(1021)}\n`.repeat(64));
  for (let left = sizeBytes; left > 0; left -= block.length) {
    if (!gzip.write(block.subarray(0, left))) await once(gzip, 'drain');
  }
  gzip.end('bomb 1\n');
  await once(gzip, 'end');
  const fields = { 'Content-Type': TEXT_TYPE, 'Content-Encoding': 'gzip' };
  const whole = response(200, fields, Buffer.concat(parts));
  return ({ socket }) => {
    socket.write(whole);
  };
}

/** A whole response with its length: for answers that a test builds itself. */
export function response(
  code: number,
  fields: Readonly<Record<string, string>>,
  body: Buffer,
): Buffer {
  const start = head(code, { ...fields, 'Content-Length': String(body.length) });
  return Buffer.concat([Buffer.from(start), body]);
}

function head(code: number, fields: Readonly<Record<string, string>>): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${code} Simulated\r\n${lines.join('')}\r\n`;
}

function headOf(whole: Buffer): Buffer {
  return whole.subarray(0, whole.indexOf('\r\n\r\n') + 4);
}
