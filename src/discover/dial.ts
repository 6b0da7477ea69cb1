/**
 * Checks by a TLS handshake alone whether an address still belongs to the known endpoint.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from 'node:tls';
import type { Endpoint } from './instance.ts';

/** Connects to an endpoint and resolves to whether the endpoint proved its identity. */
export type Dial = (endpoint: Endpoint, signal: AbortSignal) => Promise<boolean>;

const DIAL_MS = 2000;

/**
 * Makes a dial that gives up after 2 s.
 *
 * @param context - gives at every dial the authorities that scrapes of instances trust
 */
export function dialTls(context: () => Promise<SecureContext>): Dial {
  return async (endpoint, signal) => {
    const socket = connectTo(endpoint, await context());
    return new Promise((resolve) => {
      const end = (proven: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        socket.destroy();
        resolve(proven);
      };
      const giveUp = (): void => end(false);
      const timer = setTimeout(giveUp, DIAL_MS);
      signal.addEventListener('abort', giveUp);
      socket.once('secureConnect', () => end(socket.authorized));
      socket.on('error', giveUp); // after any error the identity is not proven
      if (signal.aborted) giveUp();
    });
  };
}

/** The certificate must carry the name that the endpoint states, else the host of the address. */
function connectTo(endpoint: Endpoint, secureContext: SecureContext): TLSSocket {
  const colon = endpoint.address.lastIndexOf(':');
  const host = endpoint.address.slice(0, colon).replace(/^\[|\]$/g, '');
  const name = endpoint.serverCertDomainSan || host;
  return connect({
    host,
    port: Number(endpoint.address.slice(colon + 1)),
    secureContext,
    servername: isIP(name) === 0 ? name : '', // RFC 6066, section 3: SNI carries no IP address
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  });
}
