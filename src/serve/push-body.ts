/**
 * Collects the body of a push, within its bounds, and decompresses it.
 */
import type { IncomingMessage } from 'node:http';
import { Inflater } from '../fetch/inflate.ts';
import { PushRefusal } from '../push/refusal.ts';
import { unframeSnappy } from '../push/snappy-frames.ts';
import { Problem } from './errors.ts';
import type { Taken } from './push-room.ts';

/** A client that sends nothing for this long is too slow. */
const IDLE_MS = 10_000;

export interface PushBodyOptions {
  readonly maxBodyBytes: number;
  readonly maxDecompressedBytes: number;
  readonly room: Taken;
  /** Aborts when the client has left. */
  readonly signal: AbortSignal;
  /** Default: 10 s. */
  readonly idleMs?: number | undefined;
}

/** Bodies that the lane has collected, and could not use. */
const collected = new WeakMap<IncomingMessage, Buffer>();

/** Hands over a body that was read already. */
export function keepBody(request: IncomingMessage, body: Buffer): void {
  collected.set(request, body);
}

/**
 * @returns the body, decompressed
 * @throws {PushRefusal} `too_large`, `bad_body`
 * @throws {Problem} `busy`, `request-timeout`, `bad_header` for a coding that is not known
 */
export async function readPushBody(
  request: IncomingMessage,
  options: PushBodyOptions,
): Promise<Buffer> {
  const coding = codingOf(request);
  const body = collected.get(request) ?? (await collect(request, options));
  collected.delete(request);
  if (coding === 'identity') return body;
  return coding === 'gzip' ? inflate(body, options) : unframe(body, options);
}

type Coding = 'identity' | 'gzip' | 'snappy';

function codingOf({ headers }: IncomingMessage): Coding {
  const named = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (named === '' || named === 'identity') return 'identity';
  if (named === 'gzip' || named === 'x-gzip') return 'gzip';
  if (named === 'snappy') return 'snappy';
  throw new Problem('bad_header', 'Content-Encoding must be gzip, snappy (framed) or absent', {
    status: 415,
    headers: { 'Accept-Encoding': 'gzip, snappy' },
  });
}

function tooLarge(limit: number, what: string): PushRefusal {
  const message = `${what} is larger than ${limit} bytes: push less at once, or raise the limit`;
  return new PushRefusal('too_large', message, { details: { limit } });
}

function collect(request: IncomingMessage, options: PushBodyOptions): Promise<Buffer> {
  const { maxBodyBytes, room, signal, idleMs = IDLE_MS } = options;
  const tooMuch = (): PushRefusal => tooLarge(maxBodyBytes, 'the body');
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) {
    return Promise.reject(tooMuch());
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onError);
      signal.removeEventListener('abort', onLeft);
      request.resume(); // what is left of a refused body is dropped as it comes
      settle();
    };
    const fail = (why: unknown): void => end(() => reject(why));
    const onData = (chunk: Buffer): void => {
      timer.refresh();
      bytes += chunk.length;
      try {
        if (bytes > maxBodyBytes) throw tooMuch();
        room.more(chunk.length);
        chunks.push(chunk);
      } catch (why) {
        fail(why);
      }
    };
    const onEnd = (): void =>
      end(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))); // counted
    const onError = (error: Error): void => fail(error);
    const onLeft = (): void => fail(signal.reason);
    const timer = setTimeout(() => fail(tooSlow(idleMs)), idleMs);
    signal.addEventListener('abort', onLeft, { once: true });
    request.on('data', onData).on('end', onEnd).on('error', onError);
    if (signal.aborted) onLeft();
  });
}

function tooSlow(idleMs: number): Problem {
  const detail = `nothing of the body came for ${idleMs / 1000} s`;
  return new Problem('request-timeout', detail, { headers: { Connection: 'close' } });
}

function inflate(body: Buffer, options: PushBodyOptions): Promise<Buffer> {
  const { maxDecompressedBytes, room } = options;
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    let isOver = false;
    const fail = (why: unknown): void => {
      isOver = true;
      inflater.destroy();
      reject(why);
    };
    const inflater = new Inflater({
      inflatedPart: (part) => {
        if (isOver) return;
        bytes += part.length;
        try {
          if (bytes > maxDecompressedBytes) {
            throw tooLarge(maxDecompressedBytes, 'the decompressed body');
          }
          room.more(part.length);
          parts.push(part);
        } catch (why) {
          fail(why);
        }
      },
      inflated: () => {
        if (!isOver) resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts)); // counted
      },
      notGzip: (cause) => {
        if (!isOver) fail(damaged('gzip', cause));
      },
      hungry: () => undefined,
    });
    inflater.write(body);
    inflater.end();
  });
}

async function unframe(body: Buffer, options: PushBodyOptions): Promise<Buffer> {
  const { maxDecompressedBytes, room } = options;
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const step of unframeSnappy(body)) {
    if (typeof step === 'string') throw damaged('framed snappy', new Error(step));
    bytes += step.length;
    if (bytes > maxDecompressedBytes) {
      throw tooLarge(maxDecompressedBytes, 'the decompressed body');
    }
    room.more(step.length);
    parts.push(step);
    if (parts.length % CHUNKS_PER_TURN === 0) await new Promise(setImmediate);
  }
  return Buffer.concat(parts);
}

/** Chunks of 64 KiB: about a millisecond. */
const CHUNKS_PER_TURN = 8;

function damaged(coding: string, cause: Error): PushRefusal {
  return new PushRefusal('bad_body', `the body is no ${coding}: ${cause.message}`, { cause });
}
