/**
 * The HTTP client of the CF API and of UAA.
 *
 * The first request loads got. got must not retry (`client.ts` does) and not follow redirects
 * (tokens and passwords stay with the configured hosts). Bytes are counted after decompression.
 */
import type { StreamOptions } from 'got';
import { type ClientCertificates, type ClientTls, readClientTls } from '../client-tls.ts';
import { collectListing, type Listing } from '../listing.ts';
import { SourceError } from '../source-error.ts';

interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Bound on the answer's body after decompression. */
  readonly maxBytes: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly blocks: Listing['blocks'];
}

/** @throws {SourceError} when there is no whole answer within its bounds */
export type Http = (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>;

export interface HttpOptions {
  readonly tls?: ClientTls | undefined;
  /** Bound on one request with its answer. */
  readonly timeoutMs: number;
}

const CONNECT_MS = 5000;

export function openHttp({ tls = {}, timeoutMs }: HttpOptions): Http {
  return async (asked, signal) => {
    const { default: got, TimeoutError } = await import('got');
    const certificates = await readClientTls(tls);
    const request = got.stream(asked.url, requestOptions(asked, certificates, timeoutMs, signal));
    let answer:
      | { readonly statusCode: number; readonly headers: HttpAnswer['headers'] }
      | undefined;
    request.once('response', (response: NonNullable<typeof answer>) => {
      answer = response;
    });
    try {
      const { blocks } = await collectListing(request, asked.maxBytes);
      if (answer) return { status: answer.statusCode, headers: answer.headers, blocks };
      throw new SourceError('unreachable', 'the connection ended without an answer');
    } catch (error) {
      if (error instanceof SourceError) throw error;
      const fault = error instanceof TimeoutError ? 'timeout' : 'unreachable';
      const message = error instanceof Error ? error.message : String(error);
      // got's errors hold the request with its token, so only the error below them is kept.
      const cause = error instanceof Error ? error.cause : undefined;
      throw new SourceError(fault, message, { cause });
    } finally {
      request.destroy();
    }
  };
}

function requestOptions(
  { method, headers, body }: HttpRequest,
  { ca, cert, key }: ClientCertificates,
  timeoutMs: number,
  signal: AbortSignal,
): StreamOptions {
  return {
    method,
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: true,
    strictContentLength: true,
    timeout: {
      connect: CONNECT_MS,
      ...{ response: timeoutMs, socket: timeoutMs, request: timeoutMs * 2 },
    },
    signal,
    headers: { 'user-agent': 'promgate', accept: 'application/json', ...headers },
    ...(body !== undefined && { body }),
    https: {
      ...(ca && { certificateAuthority: [...ca] }),
      ...(cert !== undefined && { certificate: cert }),
      ...(key !== undefined && { key }),
    },
  };
}

/** The one value of a header; undefined if it is absent or repeated. */
export function headerOf(
  { headers }: Pick<HttpAnswer, 'headers'>,
  name: string,
): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The beginning of a body as text, for messages and small answers. */
export function textOf({ blocks }: Pick<HttpAnswer, 'blocks'>, maxBytes: number): string {
  const decoder = new TextDecoder();
  let text = '';
  let left = maxBytes;
  for (const block of blocks) {
    text += decoder.decode(block.subarray(0, left), { stream: true });
    left -= block.length;
    if (left <= 0) break;
  }
  return text;
}
