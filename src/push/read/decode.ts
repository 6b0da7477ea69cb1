/**
 * Decodes the Content-Encoding of a push: gzip, or snappy in its framed form.
 */
import { promisify } from 'node:util';
import { gunzip, gunzipSync } from 'node:zlib';
import { everyTurn, takeSteps } from '../../clock.ts';
import { PushRefusal } from '../refusal.ts';
import { decodeFrames, SnappyError } from './snappy-frames.ts';

const unzip = promisify(gunzip);

/** How long a body is decoded before other work has its turn. */
const TURN_MS = 3;
/** Shorter bodies are decoded at once: a thread would take longer than the work. */
const AT_ONCE_BYTES = 4_096;
const MAX_AT_ONCE_BYTES = 1_048_576;
/** Every body may be decoded to so many bytes, whatever its ratio. */
const ANY_RATIO_BYTES = 65_536;

export interface DecodeBounds {
  /** Bound on the decoded bytes. */
  readonly maxBytes: number;
  /** Bound on how many times longer than the body the decoded bytes are. */
  readonly maxRatio: number;
}

/**
 * Decodes a body, in threads of the runtime or in turns with other work.
 *
 * @param encoding - the Content-Encoding; '' if the push has none
 * @returns the bytes of the body itself if these are not encoded
 * @throws {PushRefusal} `bad_header`, `bad_body` or `too_large`
 */
export async function decodeBody(
  bytes: Buffer,
  encoding: string,
  { maxBytes, maxRatio }: DecodeBounds,
): Promise<Buffer> {
  const bound = Math.min(maxBytes, Math.max(ANY_RATIO_BYTES, bytes.length * maxRatio));
  switch (encoding.trim().toLowerCase()) {
    case '':
    case 'identity':
      if (bytes.length > maxBytes) throw tooLarge('the body', maxBytes);
      return bytes;
    case 'gzip':
    case 'x-gzip':
      return decodeGzip(bytes, bound);
    case 'snappy':
    case 'x-snappy-framed':
      return decodeSnappy(bytes, bound);
    default:
      throw new PushRefusal(
        'bad_header',
        'the Content-Encoding is unknown: send gzip, snappy (framed), or no such header',
      );
  }
}

async function decodeGzip(bytes: Buffer, bound: number): Promise<Buffer> {
  const options = { maxOutputLength: bound };
  try {
    if (bytes.length <= AT_ONCE_BYTES && bound <= MAX_AT_ONCE_BYTES)
      return gunzipSync(bytes, options);
    return await unzip(bytes, options);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge('the decompressed body', bound, cause);
    throw new PushRefusal('bad_body', `the body is not gzip: ${messageOf(cause)}`, { cause });
  }
}

async function decodeSnappy(bytes: Buffer, bound: number): Promise<Buffer> {
  try {
    return await takeSteps(decodeFrames(bytes, bound), everyTurn(TURN_MS));
  } catch (cause) {
    if (!(cause instanceof SnappyError)) throw cause;
    if (cause.kind === 'too-large') throw tooLarge('the decompressed body', bound, cause);
    throw new PushRefusal('bad_body', `the body is not framed snappy: ${cause.message}`, { cause });
  }
}

function tooLarge(what: string, limit: number, cause?: unknown): PushRefusal {
  const words = `${what} has more than ${limit} bytes: push less at once`;
  return new PushRefusal('too_large', words, { details: { limit }, cause });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
