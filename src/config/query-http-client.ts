/**
 * The block `http_client` of a group of servers: Prometheus' own, with a bound on the time to connect.
 */
import type { z } from 'zod';
import { choice, file, flag, list, optional, section, url, withDefault } from './setting.ts';
import { anyText, goDuration, texts } from './setting-map.ts';

const TLS_VERSIONS = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const;

const tlsConfig = section('TLS to the servers.', {
  ca: optional(anyText('Authorities, PEM text.')),
  ca_file: optional(file('Authorities, PEM file.')),
  cert: optional(anyText('Client certificate, PEM text.')),
  cert_file: optional(file('Client certificate, PEM file.')),
  key: optional(anyText('Key of the client certificate, PEM text.', { secret: true })),
  key_file: optional(file('Key of the client certificate, PEM file.')),
  server_name: optional(anyText('Name that the certificate must carry.')),
  insecure_skip_verify: withDefault(flag('Accept any certificate.'), false),
  min_version: optional(choice('Oldest version of TLS.', TLS_VERSIONS)),
  max_version: optional(choice('Newest version of TLS.', TLS_VERSIONS)),
});

const proxyKeys = {
  proxy_url: optional(
    anyText('Proxy that is asked; it may hold a user and a password.', { secret: true }),
  ),
  no_proxy: optional(anyText('Hosts, domains and networks without the proxy, by commas.')),
  proxy_connect_header: optional(texts('Headers for the proxy.', { secret: true })),
};

const oauth2 = section('OAuth 2.0 with client credentials.', {
  client_id: anyText('Name of the client.'),
  client_secret: optional(anyText('Secret of the client.', { secret: true })),
  client_secret_file: optional(file('File with the secret of the client.')),
  scopes: withDefault(list('Scopes of the token.', anyText('One scope.')), []),
  token_url: url('Where tokens are given.', ['http', 'https']),
  endpoint_params: withDefault(texts('Further parameters of the request for a token.'), {}),
  tls_config: optional(tlsConfig),
  ...proxyKeys,
});

/** At most one of these says who asks. */
const WAYS = [
  'basic_auth',
  'authorization',
  'oauth2',
  'bearer_token',
  'bearer_token_file',
] as const;

export const httpClient = section(
  'How the servers are asked.',
  {
    basic_auth: optional(
      section('A user name and a password.', {
        username: optional(anyText('User name.')),
        username_file: optional(file('File with the user name.')),
        password: optional(anyText('Password.', { secret: true })),
        password_file: optional(file('File with the password.')),
      }),
    ),
    authorization: optional(
      section('A header Authorization.', {
        type: withDefault(anyText('First word of the header.'), 'Bearer'),
        credentials: optional(anyText('The rest of the header.', { secret: true })),
        credentials_file: optional(file('File with the rest of the header.')),
      }),
    ),
    oauth2: optional(oauth2),
    bearer_token: optional(anyText('Token.', { secret: true })),
    bearer_token_file: optional(file('File with a token.')),
    tls_config: optional(tlsConfig),
    follow_redirects: withDefault(flag('Follow redirections.'), true),
    ...proxyKeys,
    dial_timeout: withDefault(
      goDuration('Bound on the time to connect.', { minMs: 1, maxMs: 300_000 }),
      '200ms',
    ),
  },
  [
    {
      key: 'authorization',
      holds: (values) => WAYS.filter((way) => values[way] !== undefined).length <= 1,
      otherwise: `must be the only one of ${WAYS.join(', ')}`,
    },
  ],
);

export type HttpClientValues = z.output<typeof httpClient>;
type TlsValues = z.output<typeof tlsConfig>;
type OAuth2Values = z.output<typeof oauth2>;

/** A text, or a file with it. */
type SecretSource = { readonly text: string } | { readonly file: string };

function secretOf(text: string | undefined, path: string | undefined): SecretSource {
  return path === undefined ? { text: text ?? '' } : { file: path };
}

const TLS_NAMES = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

function toTls(tls: TlsValues | undefined) {
  if (!tls) return undefined;
  const ca = tls.ca ?? tls.ca_file;
  const cert = tls.cert ?? tls.cert_file;
  const key = tls.key ?? tls.key_file;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(tls.server_name !== undefined && { serverName: tls.server_name }),
    skipsVerification: tls.insecure_skip_verify,
    ...(tls.min_version && { minVersion: TLS_NAMES[tls.min_version] }),
    ...(tls.max_version && { maxVersion: TLS_NAMES[tls.max_version] }),
  };
}

type ProxyValues = Pick<HttpClientValues, keyof typeof proxyKeys>;

function toProxy({ proxy_url, no_proxy, proxy_connect_header }: ProxyValues) {
  if (proxy_url === undefined) return undefined;
  return {
    url: proxy_url,
    exceptFor: (no_proxy ?? '')
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
    connectHeaders: proxy_connect_header ?? {},
  };
}

function toOAuth2(oauth: OAuth2Values) {
  const { client_secret, client_secret_file } = oauth;
  return {
    kind: 'oauth2',
    clientId: oauth.client_id,
    clientSecret: secretOf(client_secret, client_secret_file),
    scopes: oauth.scopes,
    tokenUrl: oauth.token_url,
    endpointParameters: oauth.endpoint_params,
    tls: toTls(oauth.tls_config),
    proxy: toProxy(oauth),
  } as const;
}

function toAuthorization(client: HttpClientValues) {
  const { basic_auth: basic, authorization, oauth2, bearer_token, bearer_token_file } = client;
  if (basic) {
    const username = secretOf(basic.username, basic.username_file);
    const password = secretOf(basic.password, basic.password_file);
    return { kind: 'basic', username, password } as const;
  }
  if (oauth2) return toOAuth2(oauth2);
  const type = authorization?.type ?? 'Bearer';
  const text = authorization?.credentials ?? bearer_token;
  const path = authorization?.credentials_file ?? bearer_token_file;
  if (text === undefined && path === undefined) return undefined;
  return { kind: 'header', type, credentials: secretOf(text, path) } as const;
}

/** Gives the values of `httpClient` the program's names. */
export function toHttpClient(client: HttpClientValues) {
  return {
    authorization: toAuthorization(client),
    tls: toTls(client.tls_config),
    proxy: toProxy(client),
    followsRedirects: client.follow_redirects,
    dialTimeoutMs: client.dial_timeout,
  };
}
