/**
 * Asks an address whether it is still the endpoint that it was: a TLS handshake and no more.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, connect, type SecureContext, type TLSSocket } from 'node:tls';
import type { Endpoint } from './instance.ts';

/** Resolves to whether the endpoint proved its identity. */
export type Dial = (endpoint: Endpoint, signal: AbortSignal) => Promise<boolean>;

const DIAL_MS = 2000;

/**
 * Makes a dial that gives up after 2 s.
 *
 * @param context - whom to trust, asked at every dial: the same as for scrapes of instances
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
      socket.on('error', giveUp); // whatever it was, the identity is not proven
      if (signal.aborted) giveUp();
    });
  };
}

/** A certificate is checked against the address's host where the endpoint names no other. */
function connectTo(endpoint: Endpoint, secureContext: SecureContext): TLSSocket {
  const colon = endpoint.address.lastIndexOf(':');
  const host = endpoint.address.slice(0, colon).replace(/^\[|\]$/g, '');
  const name = endpoint.serverCertDomainSan || host;
  return connect({
    host,
    port: Number(endpoint.address.slice(colon + 1)),
    secureContext,
    servername: isIP(name) === 0 ? name : '', // RFC 6066, 3: an IP address is no SNI
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  });
}
