/**
 * Tokens of OAuth 2.0 by client credentials: fetched once for all requests, kept until shortly before
 * they expire, and fetched anew when the server refuses one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 */
import { type HeaderSource, readSecret } from './credentials.ts';
import { TargetError } from './failure.ts';
import type { OAuth2Settings, QueryTarget } from './http.ts';

const FETCH_MS = 10_000;
const MAX_BYTES = 65_536;
/** A token is replaced so long before it expires. */
const MARGIN_MS = 10_000;
/** How long a token is kept that does not tell. */
const KEPT_MS = 300_000;

interface Token {
  readonly header: string;
  readonly untilMs: number;
}

export class OAuth2Tokens implements HeaderSource {
  readonly #settings: OAuth2Settings;
  readonly #endpoint: QueryTarget;
  readonly #nowMs: () => number;
  #token: Token | undefined;
  #fetching: Promise<Token> | undefined;

  /** @param endpoint - the token URL without its path */
  constructor(settings: OAuth2Settings, endpoint: QueryTarget, nowMs: () => number) {
    this.#settings = settings;
    this.#endpoint = endpoint;
    this.#nowMs = nowMs;
  }

  async header(): Promise<string> {
    if (this.#token && this.#nowMs() < this.#token.untilMs) return this.#token.header;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    this.#token = await this.#fetching;
    return this.#token.header;
  }

  refused(header: string): boolean {
    if (this.#token?.header === header) this.#token = undefined;
    return true;
  }

  async #fetch(): Promise<Token> {
    const { clientId, clientSecret, scopes, tokenUrl, endpointParameters } = this.#settings;
    const secret = await readSecret(clientSecret, tokenUrl.host);
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...endpointParameters });
    if (scopes.length > 0) form.set('scope', scopes.join(' '));
    const pair = [clientId, secret].map(encodeURIComponent).join(':');
    const answer = await this.#endpoint.call(tokenUrl.pathname.slice(1), queryOf(tokenUrl), {
      signal: AbortSignal.timeout(FETCH_MS),
      maxBytes: MAX_BYTES,
      body: {
        headers: {
          'Content-Type': 'application/x-www-form-urlencoded',
          Accept: 'application/json',
          Authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
        },
        bytes: Buffer.from(form.toString()),
      },
    });
    const parts: Buffer[] = [];
    for await (const part of answer.body) parts.push(part);
    return this.#read(answer.status, Buffer.concat(parts));
  }

  #read(status: number, bytes: Buffer): Token {
    let answer: { access_token?: unknown; token_type?: unknown; expires_in?: unknown } | null;
    try {
      answer = JSON.parse(bytes.toString()) as typeof answer;
    } catch {
      answer = null; // refused below
    }
    if (status !== 200 || typeof answer?.access_token !== 'string') {
      const what = `the token endpoint ${this.#settings.tokenUrl.href} gave no token: status ${status}`;
      throw new TargetError('credentials', this.#endpoint.name, what);
    }
    const type = /^bearer$/i.test(String(answer.token_type ?? 'Bearer'))
      ? 'Bearer'
      : String(answer.token_type);
    const seconds = Number(answer.expires_in);
    const keptMs = seconds > 0 ? Math.max(0, seconds * 1000 - MARGIN_MS) : KEPT_MS;
    return { header: `${type} ${answer.access_token}`, untilMs: this.#nowMs() + keptMs };
  }
}

function queryOf(url: URL): [string, string][] {
  return [...url.searchParams];
}
