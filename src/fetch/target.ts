/**
 * The target of one fetch: where to ask for a page, and how.
 *
 * This file makes the target of an instance, `exporter.ts` that of an external exporter.
 */
import type { Instance } from '../discover/instance.ts';
import type { Failure } from './failure.ts';
import type { Via } from './way.ts';

/**
 * `instances`: the authorities of `scrape.tls.ca` alone, and the certificate of `scrape.tls`. `system`:
 * the system's authorities. `containers`: both. `identity`: both, and promgate's instance identity.
 */
type TrustName = 'instances' | 'system' | 'containers' | 'identity';

export interface ScrapeTarget {
  /** The instance asked; undefined for an external exporter. */
  readonly instance: Instance | undefined;
  /** The name of the external exporter asked; undefined for an instance. */
  readonly exporter: string | undefined;
  /** Where to connect to, `host:port` or `[IPv6]:port`. No answer of an app changes it. */
  readonly address: string;
  readonly tls: boolean;
  /** The name that the certificate must carry, and the SNI; '' means the address's own host. */
  readonly serverName: string;
  /** Whose certificates are trusted, and which client certificate promgate sends. */
  readonly trust: TrustName;
  /** HTTP/2: offered by ALPN over TLS, else by prior knowledge (h2c). */
  readonly http2: boolean;
  /** The `Host` header. */
  readonly host: string;
  /** The request target, sent unchanged: begins with one `/`, may hold a query. */
  readonly path: string;
  /** Replace shared headers of the same names: name, value, … Empty for an exporter. */
  readonly headers: readonly string[];
  /** Timeout of this page from its first request on; the scrape may end earlier. */
  readonly timeoutMs: number | undefined;
  /** Whether bindings name several pages of the address; each may hang by itself. */
  readonly oneOfSeveral: boolean;
  /** The way to the instance that the planner chose; undefined: directly, since there is no other. */
  readonly via?: Via;
  /** Bound on opening the connection, if another way follows. */
  readonly connectTimeoutMs?: number | undefined;
  /** The header that pins the request to the instance, name and value. */
  readonly pin?: readonly [string, string];
  /** The path of the route below which every request must stay. */
  readonly routePath?: string;
  /** Why promgate must not ask: no way leads to the instance. */
  readonly refused?: Failure;
  /** Slots and bytes are shared among spaces, and the slots of a space among its apps. */
  readonly space: string;
  readonly app: string;
}

/** Settings of one page of an instance, all optional. */
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
