/**
 * Authenticates readers by their instance identity: by the certificate of their own TLS connection,
 * or by the certificate that gorouter forwards on a connection that proves to be gorouter's.
 *
 * An app sees what runs in its own space. A certificate is checked again with each request, since it
 * may expire while the connection lasts.
 */
import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import { TLSSocket } from 'node:tls';
import { Problem } from './errors.ts';
import {
  type Identity,
  type IdentityAuthorities,
  IdentityError,
  type IdentityFailure,
} from './identity.ts';
import { CLIENT_CERT_HEADER, type Forwarded, readForwarded } from './identity-header.ts';
import type { Scope } from './scope.ts';

/** The port that a request came through: that of TLS clients, or that of gorouter. */
export type IdentityPort = 'tls' | 'gorouter';

export interface IdentityReadersOptions {
  /** The authorities as their file is now. */
  readonly authorities: () => IdentityAuthorities;
  /** The name that gorouter's certificate must have. */
  readonly gorouterName: string;
  /** Hosts such as `*.apps.identity` for which gorouter itself verifies certificates. */
  readonly envoyDomains: readonly string[];
  readonly onRefused: (failure: IdentityFailure) => void;
  /** Default: the system's clock. */
  readonly nowMs?: () => number;
}

export class IdentityReaders {
  readonly #options: IdentityReadersOptions;
  readonly #domains: readonly RegExp[];
  readonly #ports = new WeakMap<object, IdentityPort>();

  constructor(options: IdentityReadersOptions) {
    this.#options = options;
    this.#domains = options.envoyDomains.map(domainPattern);
  }

  /** Marks the requests of a port: without the mark, no certificate and no header counts. */
  through(port: IdentityPort, handle: RequestListener): RequestListener {
    return (req, res) => {
      this.#ports.set(req, port);
      return handle(req, res);
    };
  }

  /**
   * What the reader may see.
   *
   * @returns undefined if the reader has no certificate, or came through another port
   * @throws {Problem} `unauthorized` for a certificate that gives no access
   */
  scopeOf(req: IncomingMessage): Scope | undefined {
    const port = this.#ports.get(req);
    if (port === undefined) return undefined;
    try {
      const identity = this.#identityOf(req, port);
      return identity && { appId: undefined, spaceId: identity.spaceId };
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      const { failure, message } = error;
      this.#options.onRefused(failure);
      // The reader must connect anew to present another certificate.
      const headers = { Connection: 'close' };
      throw new Problem('unauthorized', message, { headers, members: { failure }, cause: error });
    }
  }

  #identityOf(req: IncomingMessage, port: IdentityPort): Identity | undefined {
    const { socket } = req;
    if (!(socket instanceof TLSSocket)) return undefined;
    const peer = socket.getPeerX509Certificate();
    const found = port === 'tls' ? peer && { leaf: peer } : this.#forwarded(req, socket, peer);
    if (found === undefined || 'identity' in found) return found?.identity;
    const { authorities, nowMs = Date.now } = this.#options;
    return authorities().identityOf(found.leaf, nowMs());
  }

  #forwarded(
    { headers, headersDistinct }: IncomingMessage,
    { authorized }: TLSSocket,
    peer: X509Certificate | undefined,
  ): Forwarded {
    const sent = headersDistinct[CLIENT_CERT_HEADER];
    if (sent === undefined) return undefined;
    const { gorouterName } = this.#options;
    const isGorouter =
      peer?.checkHost(gorouterName, { subject: 'never', wildcards: false }) !== undefined;
    if (!authorized || !isGorouter) throw new IdentityError('not-from-gorouter');
    const host = (headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
    return readForwarded(
      sent,
      this.#domains.some((domain) => domain.test(host)),
    );
  }
}

/** Matches a host name; `*` stands for one label, as in a wildcard domain of Cloud Foundry. */
function domainPattern(domain: string): RegExp {
  const labels = domain.toLowerCase().split('.');
  const patterns = labels.map((label) => (label === '*' ? '[a-z0-9_-]+' : RegExp.escape(label)));
  return new RegExp(`^${patterns.join('\\.')}$`);
}
