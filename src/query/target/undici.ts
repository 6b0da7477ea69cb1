/**
 * Targets that are asked over HTTP by undici.
 *
 * An answer streams: whoever reads it slowly slows the server. All requests only read, so that each
 * may be sent again if an idle connection turns out to be closed.
 */
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { type HeaderSource, headerOf } from './credentials.ts';
import { TargetError, type TargetFailure } from './failure.ts';
import type { AnswerBody, CallOptions, QueryTarget, TargetAnswer, TargetSettings } from './http.ts';
import { DEFAULT_TARGET } from './http.ts';
import { OAuth2Tokens } from './oauth2.ts';
import { type TlsMaterial, TrustFiles } from './trust.ts';
import { type Connections, openConnections } from './undici-connections.ts';

/** The longest pause within a body. */
const BODY_IDLE_MS = 30_000;

type Parameters = readonly (readonly [string, string])[];

/** Makes a target; the first call connects. */
export function openTarget(settings: TargetSettings, nowMs = Date.now): QueryTarget {
  return new UndiciTarget(settings, nowMs);
}

class UndiciTarget implements QueryTarget {
  readonly url: URL;
  readonly name: string;
  readonly #settings: TargetSettings;
  readonly #trust: TrustFiles;
  readonly #credentials: HeaderSource;
  readonly #tokenEndpoint: QueryTarget | undefined;
  readonly #closing = new Set<Promise<void>>();
  #agent: Connections | undefined;
  #material: TlsMaterial | undefined;
  /** Whether the server refused a form. */
  #refusesForms = false;
  #isClosed = false;

  constructor(settings: TargetSettings, nowMs: () => number) {
    const { url, authorization, tls = {} } = settings;
    this.#settings = settings;
    this.url = url;
    this.name = url.host;
    this.#trust = new TrustFiles(tls, url.host, nowMs);
    if (authorization?.kind === 'oauth2') {
      const { tokenUrl, tls: tokenTls, proxy } = authorization;
      this.#tokenEndpoint = openTarget({
        ...DEFAULT_TARGET,
        ...{ url: new URL('/', tokenUrl), dialTimeoutMs: 5_000, followsRedirects: false },
        ...(tokenTls && { tls: tokenTls }),
        ...(proxy && { proxy }),
      });
      this.#credentials = new OAuth2Tokens(authorization, this.#tokenEndpoint, nowMs);
    } else this.#credentials = headerOf(authorization, url.host);
  }

  async call(path: string, parameters: Parameters, options: CallOptions): Promise<TargetAnswer> {
    const header = await this.#credentials.header();
    const answer = await this.#ask(path, parameters, options, header);
    if (answer.status === 401 && header !== undefined && this.#credentials.refused(header)) {
      answer.body.discard();
      return this.#ask(path, parameters, options, await this.#credentials.header());
    }
    const isForm = options.method === 'form' && !options.body && !this.#refusesForms;
    if (isForm && (answer.status === 405 || answer.status === 501)) {
      this.#refusesForms = true;
      answer.body.discard();
      return this.#ask(path, parameters, options, header);
    }
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#agent?.destroy();
    await Promise.all(this.#closing);
    await this.#tokenEndpoint?.[Symbol.asyncDispose]();
  }

  async #ask(
    path: string,
    parameters: Parameters,
    options: CallOptions,
    authorization: string | undefined,
  ): Promise<TargetAnswer> {
    const { signal, body } = options;
    if (signal.aborted) throw this.#failed(signal.reason, false, signal);
    const dispatcher = await this.#dispatcher();
    const asForm = options.method === 'form' && !body && !this.#refusesForms;
    const request: Dispatcher.RequestOptions = {
      origin: this.url.origin,
      path: this.#pathOf(path, asForm ? [] : parameters),
      method: body || asForm ? 'POST' : 'GET',
      headers: {
        'Accept-Encoding': this.#settings.gzip ? 'gzip' : 'identity',
        ...this.#settings.headers,
        ...(authorization !== undefined && { Authorization: authorization }),
        ...(asForm && { 'Content-Type': 'application/x-www-form-urlencoded' }),
        ...body?.headers,
      },
      body: body?.bytes ?? (asForm ? new URLSearchParams(asPairs(parameters)).toString() : null),
      headersTimeout: 0, // `headDeadline` is exact, undici's timers tick every half second
      bodyTimeout: BODY_IDLE_MS,
    };
    const head = headDeadline(signal, this.#settings.headTimeoutMs);
    const answer = await this.#request(dispatcher, { ...request, signal: head.signal }).finally(
      head.clear,
    );
    return {
      status: answer.statusCode,
      header: (name) => String(answer.headers[name.toLowerCase()] ?? ''),
      body: this.#bodyOf(answer, options),
    };
  }

  async #request(
    dispatcher: Dispatcher,
    request: Dispatcher.RequestOptions & { readonly signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const { signal } = request;
    try {
      return await dispatcher.request(request);
    } catch (error) {
      if (signal.aborted || !isClosedConnection(error)) throw this.#failed(error, false, signal);
    }
    try {
      return await dispatcher.request(request);
    } catch (error) {
      throw this.#failed(error, false, signal);
    }
  }

  #pathOf(path: string, parameters: Parameters): string {
    const base = this.url.pathname.replace(/\/+$/, '');
    const all = new URLSearchParams([
      ...asPairs(this.#settings.queryParameters),
      ...asPairs(parameters),
    ]);
    return `${base}/${path}${all.size > 0 ? `?${all}` : ''}`;
  }

  #bodyOf(answer: Dispatcher.ResponseData, { maxBytes, signal }: CallOptions): AnswerBody {
    const raw: Readable = answer.body;
    const isZipped = answer.headers['content-encoding'] === 'gzip';
    const source = isZipped ? unzipped(raw) : raw;
    const failed = (error: unknown): TargetError => this.#failed(error, true, signal);
    const tooBig = (): TargetError =>
      new TargetError('too-big', this.name, `the answer has more than ${maxBytes} bytes`);
    let bytes = 0;
    return {
      get bytes() {
        return bytes;
      },
      discard: () => {
        source.on('error', () => undefined); // nobody waits for it any more
        raw.on('error', () => undefined);
        source.destroy();
        raw.destroy();
      },
      async *[Symbol.asyncIterator]() {
        try {
          for await (const part of source as AsyncIterable<Buffer>) {
            bytes += part.length;
            if (bytes > maxBytes) throw tooBig();
            yield part;
          }
        } catch (error) {
          throw error instanceof TargetError ? error : failed(error);
        }
      },
    };
  }

  /** The connections; new ones if a certificate has changed. */
  async #dispatcher(): Promise<Dispatcher> {
    const material = await this.#trust.material();
    if (this.#isClosed) throw new TargetError('aborted', this.name, 'the target is closed');
    if (this.#agent && this.#material === material) return this.#agent.dispatcher;
    const old = this.#agent;
    this.#material = material;
    this.#agent = openConnections(this.#settings, material);
    if (old) {
      const closing = old.close().finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
    }
    return this.#agent.dispatcher;
  }

  #failed(error: unknown, hasHead: boolean, signal: AbortSignal): TargetError {
    if (error instanceof TargetError) return error;
    if (signal.aborted) {
      const isTimeout = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
      return isTimeout
        ? new TargetError('timeout', this.name, 'no whole answer in time', { cause: error })
        : new TargetError('aborted', this.name, 'the call was given up', { cause: error });
    }
    const what = error instanceof Error ? error.message.slice(0, 300) : String(error);
    return new TargetError(failureOf(error, hasHead), this.name, what, { cause: error });
  }
}

/** The signal of a request, which also aborts if no head comes in time. */
function headDeadline(
  signal: AbortSignal,
  timeoutMs: number,
): { readonly signal: AbortSignal; readonly clear: () => void } {
  if (timeoutMs === 0) return { signal, clear: () => undefined };
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new DOMException('no head in time', 'TimeoutError'));
  }, timeoutMs);
  return {
    signal: AbortSignal.any([signal, late.signal]),
    clear: () => clearTimeout(timer),
  };
}

function asPairs(parameters: Parameters): [string, string][] {
  return parameters.map(([name, value]) => [name, value]);
}

function unzipped(raw: Readable): Readable {
  const gunzip = createGunzip();
  raw.once('error', (error) => gunzip.destroy(error));
  return raw.pipe(gunzip);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** The server closed an idle connection while the request was on its way. */
function isClosedConnection(error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error));
}

const CONNECT_CODES = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'],
  ...['EMFILE', 'EADDRNOTAVAIL', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_PRX_TLS'],
]);

function failureOf(error: unknown, hasHead: boolean): TargetFailure {
  const code = codeOf(error);
  if (CONNECT_CODES.has(code)) return 'connect';
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'timeout';
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return 'aborted';
  if (/^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code)) {
    return 'tls';
  }
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') return 'not-prometheus';
  if (code === 'Z_DATA_ERROR') return 'corrupt';
  return hasHead ? 'truncated' : 'connect';
}
