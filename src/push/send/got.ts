/**
 * The HTTP client of remote write.
 *
 * The first request loads got. got must not retry (`remote-write-send.ts` does), not follow
 * redirects (credentials stay with the configured host), and not decompress answers, of which no
 * more is read than the log shows.
 */
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import type { Request, StreamOptions } from 'got';
import { readPem } from '../../pem.ts';
import type { Answer, RetryCause } from './remote-write-answer.ts';
import { type Post, PostError } from './remote-write-send.ts';

type RemoteAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string };

interface RemoteTls {
  /** Paths of PEM files, read for each request, since operators rotate them. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface PostOptions {
  readonly url: string;
  readonly auth: RemoteAuth;
  /** Further headers; those of the protocol win. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bound on a request with its answer. */
  readonly timeoutMs: number;
  readonly tls?: RemoteTls | undefined;
  /** PEM certificates to trust beside those of `tls.caFile`; asked for https only. */
  readonly authorities?: (() => Promise<readonly string[]>) | undefined;
}

export interface Poster extends Disposable {
  readonly post: Post;
}

/** How much of an answer is read. */
const MAX_TEXT_BYTES = 1024;
/** How long the rest of an answer may take whose status is known. */
const BODY_MS = 500;

/** Connections are kept for the next request until disposal. */
export function openPost(options: PostOptions): Poster {
  const agents = new Agents(options);
  return {
    post: async (body, headers, signal) => {
      const deadline = AbortSignal.timeout(options.timeoutMs);
      const stop = AbortSignal.any([signal, deadline]);
      try {
        return await exchange(options, agents, { body, headers, stop });
      } catch (error) {
        throw postError(error, deadline.aborted);
      }
    },
    [Symbol.dispose]: () => agents[Symbol.dispose](),
  };
}

/** The connections of a receiver; others for other certificates. */
class Agents implements Disposable {
  readonly #options: PostOptions;
  readonly #isSecure: boolean;
  readonly #plain = new http.Agent({ keepAlive: true });
  #secure = new https.Agent({ keepAlive: true });
  #texts = '';

  constructor(options: PostOptions) {
    this.#options = options;
    this.#isSecure = options.url.toLowerCase().startsWith('https:');
  }

  /** @throws {Error} when a file of the certificates cannot be read, or holds none */
  async get(): Promise<{ readonly http: http.Agent; readonly https: https.Agent }> {
    if (this.#isSecure) await this.#renew();
    return { http: this.#plain, https: this.#secure };
  }

  [Symbol.dispose](): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }

  /** Authorities are parsed only when they change, which takes milliseconds. */
  async #renew(): Promise<void> {
    const { tls: files = {}, authorities } = this.#options;
    const read = async (path: string | undefined) =>
      path === undefined ? undefined : readPem(path);
    const [ca, cert, key] = await Promise.all(
      [files.caFile, files.certFile, files.keyFile].map(read),
    );
    const known = (await authorities?.()) ?? [];
    const texts = JSON.stringify([ca, cert, key]);
    if (texts === this.#texts) return;
    const trusted = ca === undefined ? known : [...known, ca];
    const secureContext = tls.createSecureContext({
      ...(trusted.length > 0 && { ca: [...trusted] }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
    this.#secure.destroy();
    this.#secure = new https.Agent({ keepAlive: true, secureContext });
    this.#texts = texts;
  }
}

interface Outgoing {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly stop: AbortSignal;
}

async function exchange(
  options: PostOptions,
  agents: Agents,
  { body, headers, stop }: Outgoing,
): Promise<Answer> {
  const { default: got } = await import('got');
  const settings: StreamOptions = {
    method: 'POST',
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    agent: await agents.get(),
    signal: stop,
    body,
    headers: { ...options.headers, ...authorization(options.auth), ...headers },
  };
  const request = got.stream(options.url, settings);
  try {
    const { statusCode, headers: found } = await responseOf(request);
    const text = await textOf(request).catch(() => ''); // the status says enough
    return { status: statusCode, headers: flat(found), text };
  } finally {
    request.destroy();
  }
}

interface Response {
  readonly statusCode: number;
  readonly headers: http.IncomingHttpHeaders;
}

function responseOf(request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject); // stays: later errors end the reading of the body
  });
}

/** The beginning of the body; what came until the deadline or an error. */
async function textOf(request: Request): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(() => request.destroy(), BODY_MS);
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer); // a stream without an encoding gives bytes
      size += chunks.at(-1)!.length;
      if (size >= MAX_TEXT_BYTES) break;
    }
  } catch {
    // A broken or slow body: the receiver has answered nevertheless.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, MAX_TEXT_BYTES).toString('utf8');
}

function flat(headers: http.IncomingHttpHeaders): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
}

function authorization(auth: RemoteAuth): Record<string, string> {
  if (auth.kind === 'none') return {};
  if (auth.kind === 'bearer') return { authorization: `Bearer ${auth.token}` };
  const pair = Buffer.from(`${auth.username}:${auth.password}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

/** got's errors hold the request with its credentials: only their message and code are kept. */
function postError(error: unknown, isLate: boolean): PostError {
  if (isLate) return new PostError('timeout', 'no answer in time');
  const message = error instanceof Error ? error.message : String(error);
  return new PostError(failureOf(error), message);
}

function failureOf(error: unknown): RetryCause {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/^ETIMEDOUT$/.test(code)) return 'timeout';
  const isTls = /^(?:ERR_(?:TLS|SSL)|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO|ENOENT|EACCES)/;
  return isTls.test(code) ? 'tls' : 'unreachable';
}
