/**
 * Asks an address whether it is still the endpoint that it was: a TLS handshake and no more.
 */
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Endpoint } from './instance.ts';

/** Resolves to whether the endpoint proved its identity in time. */
export type Dial = (endpoint: Endpoint, signal: AbortSignal) => Promise<boolean>;

export interface DialOptions {
  /** In PEM; what Node trusts, when left out. */
  readonly ca?: string | string[] | undefined;
  /** Of the client, in PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

const DIAL_MS = 2000;

/**
 * Makes a dial.
 *
 * @param material - asked at every dial, so that files may have changed
 */
export function dialTls(material: () => DialOptions): Dial {
  return (endpoint, signal) =>
    new Promise((resolve) => {
      const socket = connectTo(endpoint, material());
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
}

function connectTo({ address, serverCertDomainSan }: Endpoint, material: DialOptions): TLSSocket {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const servername = serverCertDomainSan || (isIP(host) === 0 ? host : '');
  const { ca, cert, key } = material;
  return connect({
    host,
    port: Number(address.slice(colon + 1)),
    ...(servername === '' ? {} : { servername }),
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}
