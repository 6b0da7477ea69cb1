/**
 * One Prometheus, or another server that speaks its API, as all that ask it see it.
 *
 * `undici.ts` makes targets; `remote-read.ts`, `json-read.ts` and `api.ts` ask them.
 */

/** A secret: its text, or a file that is read anew for each use. */
export type Secret = { readonly text: string } | { readonly file: string };

/** The block `tls_config`; each source is the path of a file or PEM text. */
export interface TlsSettings {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the certificate must carry; by default the host of the URL. */
  readonly serverName?: string;
  readonly skipsVerification?: boolean;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
}

type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

export interface OAuth2Settings {
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scopes: readonly string[];
  readonly tokenUrl: URL;
  readonly endpointParameters: Readonly<Record<string, string>>;
  readonly tls?: TlsSettings;
  readonly proxy?: ProxySettings;
}

interface ProxySettings {
  /** May hold a user and a password. */
  readonly url: URL;
  /** Hosts, domains with a dot in front, addresses and networks that are asked without the proxy. */
  readonly exceptFor: readonly string[];
  readonly connectHeaders?: Readonly<Record<string, string>>;
}

/** How a server wants to know who asks; one of them at most. */
export type Authorization =
  | { readonly kind: 'basic'; readonly username: Secret; readonly password: Secret }
  /** `type` is `Bearer` unless the configuration says otherwise. */
  | { readonly kind: 'header'; readonly type: string; readonly credentials: Secret }
  | ({ readonly kind: 'oauth2' } & OAuth2Settings);

/** How a target is asked. */
export interface TargetSettings {
  /** `http://host:port`, with the path prefix if there is one. */
  readonly url: URL;
  readonly authorization?: Authorization;
  readonly tls?: TlsSettings;
  readonly proxy?: ProxySettings;
  readonly headers: Readonly<Record<string, string>>;
  /** Added to the query of every request. */
  readonly queryParameters: readonly (readonly [string, string])[];
  /** Whether answers may be compressed; identity is ten times faster where the network is. */
  readonly gzip: boolean;
  readonly followsRedirects: boolean;
  readonly dialTimeoutMs: number;
  /** The longest wait for the head of an answer; 0: the caller's signal alone ends it. */
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Connections at a time. */
  readonly maxConnections: number;
}

/** What suits most servers. */
export const DEFAULT_TARGET: Omit<TargetSettings, 'url'> = {
  headers: {},
  queryParameters: [],
  gzip: false,
  followsRedirects: true,
  dialTimeoutMs: 200,
  headTimeoutMs: 0,
  idleTimeoutMs: 60_000,
  maxConnections: 64,
};

export interface CallOptions {
  /** Ends the call; with a `TimeoutError` the failure is `timeout`, else `aborted`. */
  readonly signal: AbortSignal;
  /** `form`: parameters are sent as a form, unless the server once refused that. Default `get`. */
  readonly method?: 'get' | 'form';
  /** Sent as it is, by POST. */
  readonly body?: { readonly headers: Readonly<Record<string, string>>; readonly bytes: Buffer };
  /** The longest body that is taken, decompressed. */
  readonly maxBytes: number;
}

/** The body of an answer. It must be read to its end or be discarded. */
export interface AnswerBody extends AsyncIterable<Buffer> {
  /** How many bytes have come. */
  readonly bytes: number;
  /** Closes the connection if bytes are left. */
  discard(): void;
}

export interface TargetAnswer {
  readonly status: number;
  /** The value of a header, '' if there is none. */
  header(name: string): string;
  readonly body: AnswerBody;
}

export interface QueryTarget extends AsyncDisposable {
  readonly url: URL;
  /** The server in messages: host and port. */
  readonly name: string;
  /**
   * Asks once; a connection that had closed while it was idle is replaced.
   *
   * @param path - without a slash in front: `api/v1/query`
   * @returns any status, as soon as the head has come
   * @throws {TargetError} if there is no head; reading the body throws it too
   */
  call(
    path: string,
    parameters: readonly (readonly [string, string])[],
    options: CallOptions,
  ): Promise<TargetAnswer>;
}
