/**
 * What to ask for a page, and how.
 *
 * Made from an instance of the route table here, from an external exporter in `exporter.ts`.
 */
import type { Instance } from '../discover/instance.ts';

export interface ScrapeTarget {
  /** The instance asked; undefined for an external exporter. */
  readonly instance: Instance | undefined;
  /** The name of the external exporter asked; undefined for an instance. */
  readonly exporter: string | undefined;
  /** Where to connect to, `host:port`, `[IPv6]:port`. Nothing that an app answers changes it. */
  readonly address: string;
  readonly tls: boolean;
  /** The name that the certificate must carry, and the SNI; '' means the address's own host. */
  readonly serverName: string;
  /** Whose certificates are trusted: `scrape.tls.ca` alone, or the system's. */
  readonly trust: 'instances' | 'system';
  /** HTTP/2: offered by ALPN over TLS, else by prior knowledge (h2c). */
  readonly http2: boolean;
  /** The `Host` header. */
  readonly host: string;
  /** The request target, sent as it is: begins with one `/`, may hold a query. */
  readonly path: string;
  /** Sent in place of the shared headers of the same names: name, value, … Never to an exporter. */
  readonly headers: readonly string[];
  /** How long this page may take from the moment it is asked for; the scrape may end earlier. */
  readonly timeoutMs: number | undefined;
  /** The address has further pages: one of them that hangs says nothing about the others. */
  readonly oneOfSeveral: boolean;
  /** Whose turn it is: slots and bytes are shared out over spaces, slots in a space over apps. */
  readonly space: string;
  readonly app: string;
}

/** What is special about one page of an instance; default: nothing. */
export type PageTarget = Partial<Pick<ScrapeTarget, 'headers' | 'timeoutMs' | 'oneOfSeveral'>>;

const NO_HEADERS: readonly string[] = [];

/** How to ask `instance` for `path` (as `parseMetricPath` gives it). */
export function instanceTarget(
  instance: Instance,
  path: string,
  { headers = NO_HEADERS, timeoutMs, oneOfSeveral = false }: PageTarget = {},
): ScrapeTarget {
  const { endpoint, app, host } = instance;
  return {
    instance,
    exporter: undefined,
    address: endpoint.address,
    tls: endpoint.tls,
    serverName: endpoint.serverCertDomainSan,
    trust: 'instances',
    http2: endpoint.protocol === 'http2',
    host,
    path,
    headers,
    timeoutMs,
    oneOfSeveral,
    space: app.spaceId || `${app.organizationName}/${app.spaceName}`,
    app: app.appId || host,
  };
}
