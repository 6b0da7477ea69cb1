/**
 * Collects the body of a push, within its bounds, and decompresses it.
 */
import type { IncomingMessage } from 'node:http';
import { decodeBody } from '../push/read/decode.ts';
import { PushRefusal } from '../push/refusal.ts';
import { Problem } from './errors.ts';
import type { Taken } from './push-room.ts';

/** A client that sends nothing for this long is too slow. */
const IDLE_MS = 10_000;
/** Bound on how many times longer than the body the decompressed body is; pages reach 50. */
const MAX_RATIO = 250;
/** `decodeBody` decompresses every body to so many bytes. */
const LEAST_MOST_BYTES = 65_536;

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
const collected = new WeakMap<IncomingMessage, Buffer | Problem>();

/** Hands over a body that was read already, or why there was no room for it. */
export function keepBody(request: IncomingMessage, body: Buffer | Problem): void {
  collected.set(request, body);
}

/**
 * @returns the body, decompressed
 * @throws {PushRefusal} `too_large`, `bad_body`, `bad_header` for an encoding that is not known
 * @throws {Problem} `busy`, `request-timeout`
 */
export async function readPushBody(
  request: IncomingMessage,
  options: PushBodyOptions,
): Promise<Buffer> {
  const body = collected.get(request) ?? (await collect(request, options));
  collected.delete(request);
  if (body instanceof Problem) throw body;
  return decodePushBody(request, body, options);
}

/** @throws {PushRefusal} and {Problem} as `readPushBody` does, but for the time of the request */
export async function decodePushBody(
  { headers }: Pick<IncomingMessage, 'headers'>,
  body: Buffer,
  { maxDecompressedBytes: maxBytes, room }: Pick<PushBodyOptions, 'maxDecompressedBytes' | 'room'>,
): Promise<Buffer> {
  const encoding = headers['content-encoding'] ?? '';
  if (encoding === '') return body;
  const mostBytes = Math.min(maxBytes, Math.max(LEAST_MOST_BYTES, body.length * MAX_RATIO));
  room.more(mostBytes);
  const decoded = await decodeBody(body, encoding, { maxBytes, maxRatio: MAX_RATIO });
  room.more(Math.min(decoded.length, mostBytes) - mostBytes);
  return decoded;
}

function tooLarge(limit: number): PushRefusal {
  const message = `the body is larger than ${limit} bytes: push less at once, or raise the limit`;
  return new PushRefusal('too_large', message, { details: { limit } });
}

function collect(request: IncomingMessage, options: PushBodyOptions): Promise<Buffer> {
  const { maxBodyBytes, room, signal, idleMs = IDLE_MS } = options;
  const tooMuch = (): PushRefusal => tooLarge(maxBodyBytes);
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
