/**
 * The access token for the CF API, granted by the UAA that the API's root names.
 *
 * A token is renewed before it expires. When UAA refuses, or has no time, promgate asks it again later
 * and later: UAA locks accounts after a few wrong passwords.
 */
import type { Clock } from '../../clock.ts';
import { SourceError } from '../source-error.ts';
import { parseObject, said } from './error.ts';
import { type Http, type HttpAnswer, headerOf, textOf } from './got.ts';

export type Credentials =
  | { readonly kind: 'client'; readonly clientId: string; readonly clientSecret: string }
  | {
      readonly kind: 'user';
      readonly username: string;
      readonly password: string;
      /** The identity provider; undefined: UAA's own users. */
      readonly origin: string | undefined;
      /** The OAuth client of the user's tokens, by default `cf` with an empty secret. */
      readonly clientId: string;
      readonly clientSecret: string;
    };

export interface TokensOptions {
  readonly http: Http;
  /** The root of the CF API, without a slash at its end. */
  readonly apiUrl: string;
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** Called for each request to the root or to UAA. */
  readonly onRequest?: ((kind: 'root' | 'token') => void) | undefined;
}

interface Token {
  readonly access: string;
  readonly refresh: string | undefined;
  /** When to get the next one. */
  readonly renewAtMs: number;
  readonly endsAtMs: number;
  readonly scopes: readonly string[];
}

const MAX_ANSWER_BYTES = 1024 * 1024;
/** A token is renewed this long before its end, or after nine tenths of a short life. */
const MARGIN_MS = 60_000;
const FIRST_BACKOFF_MS = 15_000;
const MAX_BACKOFF_MS = 900_000;
/** Characters of a token that can stand in a header. */
const TOKEN = /^[!-~]{1,65536}$/;

export class Tokens {
  readonly #options: TokensOptions;
  #uaaUrl: string | undefined;
  #token: Token | undefined;
  #refused:
    | { readonly error: SourceError; readonly untilMs: number; readonly count: number }
    | undefined;

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  /** What the last token allows, such as `cloud_controller.global_auditor`. */
  get scopes(): readonly string[] {
    return this.#token?.scopes ?? [];
  }

  /** How long UAA is not asked again, since it refused; 0 if it did not. */
  get pausedMs(): number {
    return Math.max(0, (this.#refused?.untilMs ?? 0) - this.#options.clock.nowMs());
  }

  /** @throws {SourceError} when UAA grants no token */
  async get(signal: AbortSignal): Promise<string> {
    const { clock } = this.#options;
    if (this.#token && clock.nowMs() < this.#token.renewAtMs) return this.#token.access;
    try {
      if (this.#refused && this.pausedMs > 0) throw this.#refused.error;
      this.#token = await this.#grant(signal);
    } catch (error) {
      this.#failed(error);
      if (!this.#token || clock.nowMs() >= this.#token.endsAtMs) throw error;
    }
    return this.#token.access;
  }

  #failed(error: unknown): void {
    if (error === this.#refused?.error) return;
    const fault = error instanceof SourceError ? error.fault : undefined;
    if (fault === 'denied') this.#token = undefined;
    if (fault === 'denied' || fault === 'rate-limited') this.#backOff(error as SourceError);
    else this.#uaaUrl = undefined; // the root may name another one by now
  }

  /** The API refused this token: the next `get` asks for another one. */
  refuse(access: string): void {
    if (this.#token?.access !== access) return;
    this.#token = { ...this.#token, renewAtMs: Number.NEGATIVE_INFINITY, endsAtMs: 0 };
  }

  /** The API accepted the token: earlier refusals count no more. */
  accepted(): void {
    if (this.pausedMs === 0) this.#refused = undefined; // else UAA is busy, and the token is old
  }

  /** A new token was refused as well: UAA is not asked at once again. */
  giveUp(error: SourceError): void {
    this.#token = undefined;
    this.#backOff(error);
  }

  #backOff(error: SourceError): void {
    const count = (this.#refused?.count ?? 0) + 1;
    const saidMs = error instanceof UaaBusyError ? error.retryAfterMs : 0;
    const pauseMs = Math.min(
      Math.max(saidMs, FIRST_BACKOFF_MS * 2 ** Math.min(count - 1, 10)),
      MAX_BACKOFF_MS,
    );
    this.#refused = { error, untilMs: this.#options.clock.nowMs() + pauseMs, count };
  }

  /** Uses the refresh token if there is one; else, or if UAA refuses it, the credentials. */
  async #grant(signal: AbortSignal): Promise<Token> {
    const { credentials } = this.#options;
    const refresh = this.#token?.refresh;
    this.#uaaUrl ??= await this.#discover(signal);
    if (refresh !== undefined) {
      const form = { grant_type: 'refresh_token', refresh_token: refresh };
      try {
        return await this.#post(form, signal);
      } catch (error) {
        const isRefused = error instanceof SourceError && error.fault === 'denied';
        if (!isRefused) throw error; // a changed password voids it: the credentials may be new
      }
    }
    if (credentials.kind === 'client') {
      return this.#post({ grant_type: 'client_credentials' }, signal);
    }
    const { username, password } = credentials;
    return this.#post({ grant_type: 'password', username, password }, signal);
  }

  async #discover(signal: AbortSignal): Promise<string> {
    const { http, apiUrl, onRequest } = this.#options;
    onRequest?.('root');
    const url = `${apiUrl}/`;
    const answer = await http(
      { method: 'GET', url, headers: {}, maxBytes: MAX_ANSWER_BYTES },
      signal,
    );
    if (answer.status !== 200) {
      throw new SourceError('status', `answered ${answer.status} to / instead of 200`);
    }
    const { links } = parseObject(textOf(answer, MAX_ANSWER_BYTES)) as { links?: unknown };
    const href = hrefOf(links, 'uaa') ?? hrefOf(links, 'login');
    const uaa = href === undefined ? null : URL.parse(href);
    if (href === undefined || !uaa || !/^https?:$/.test(uaa.protocol)) {
      throw new SourceError(
        'shape',
        'the root of the API names no UAA: is it the URL of a CF API?',
      );
    }
    if (apiUrl.startsWith('https:') && uaa.protocol !== 'https:') {
      throw new SourceError('shape', 'the root of the API names a UAA without TLS');
    }
    return href.replace(/\/+$/, '');
  }

  async #post(form: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Token> {
    const { http, credentials, clock, onRequest } = this.#options;
    const hint = credentials.kind === 'user' ? credentials.origin : undefined;
    const query =
      hint === undefined
        ? ''
        : `?login_hint=${encodeURIComponent(JSON.stringify({ origin: hint }))}`;
    const askedMs = clock.nowMs();
    onRequest?.('token');
    const own = clientOf(credentials);
    const answer = await http(
      {
        method: 'POST',
        url: `${this.#uaaUrl}/oauth/token${query}`,
        headers: {
          ...own.headers,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({ ...form, ...own.form }).toString(),
        maxBytes: MAX_ANSWER_BYTES,
      },
      signal,
    );
    return readToken(answer, askedMs);
  }
}

type Texts = Readonly<Record<string, string>>;

/**
 * How the OAuth client says who it is: as the `cf` command line does, which every UAA understands. A
 * form escapes every character of a secret, and a Basic header none.
 */
function clientOf({ kind, clientId, clientSecret }: Credentials): { form: Texts; headers: Texts } {
  if (kind === 'client') {
    return { form: { client_id: clientId, client_secret: clientSecret }, headers: {} };
  }
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  return { form: {}, headers: { authorization: `Basic ${basic}` } };
}

/** UAA, or a proxy before it, limits the rate of requests. */
class UaaBusyError extends SourceError {
  /** 0 if the answer does not say it in seconds. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfter: string | undefined) {
    super('rate-limited', message);
    this.retryAfterMs = /^\d{1,9}$/.test(retryAfter ?? '') ? Number(retryAfter) * 1000 : 0;
  }
}

/** @throws {SourceError} when the answer grants no token */
function readToken(answer: HttpAnswer, askedMs: number): Token {
  const json = parseObject(textOf(answer, MAX_ANSWER_BYTES));
  if (answer.status !== 200) {
    const why = [json['error'], json['error_description']].map(said).filter(Boolean).join(': ');
    const refuses = answer.status === 400 || answer.status === 401 || answer.status === 403;
    const message = `UAA answered ${answer.status}${why === '' ? '' : ` (${why})`}`;
    if (answer.status === 429) throw new UaaBusyError(message, headerOf(answer, 'retry-after'));
    throw new SourceError(refuses ? 'denied' : 'status', message);
  }
  const access = json['access_token'];
  if (typeof access !== 'string' || !TOKEN.test(access)) {
    throw new SourceError('shape', 'UAA answered 200 without an access token');
  }
  const { expires_in: expiresIn, refresh_token: refresh, scope } = json;
  const lifeMs = typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn * 1000 : 0;
  const usedMs = Math.max(lifeMs - MARGIN_MS, lifeMs * 0.9);
  return {
    access,
    refresh: typeof refresh === 'string' && TOKEN.test(refresh) ? refresh : undefined,
    renewAtMs: askedMs + usedMs,
    endsAtMs: askedMs + lifeMs,
    scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean).slice(0, 256) : [],
  };
}

function hrefOf(links: unknown, name: string): string | undefined {
  const link: unknown = Object(links)[name];
  const href: unknown = Object(link).href;
  return typeof href === 'string' && href.length <= 4096 ? href : undefined;
}
