/**
 * Opens one connection to an address within a deadline: TCP, and TLS if the target uses TLS.
 *
 * undici's own connector takes the name for SNI and identity from the `Host` header, and has a
 * timer that ticks every half second. Here the caller gives the name, the deadline is exact, and
 * every failure has its word. `undici.ts` and `lenient.ts` speak HTTP on the connection.
 */
import net from 'node:net';
import tls from 'node:tls';
import { isClientRefused } from './client-alert.ts';
import type { Failure } from './failure.ts';
import { SEVERAL } from './socket-lookup.ts';

/** No connection could be opened. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly failure: Failure;
  /** Whether the deadline passed without an answer. */
  readonly hung: boolean;

  constructor(
    failure: Failure,
    address: string,
    { cause, hung = false }: ConnectErrorOptions = {},
  ) {
    super(`no connection to ${address}: ${failure}`, { cause });
    this.failure = failure;
    this.hung = hung;
  }
}

interface ConnectErrorOptions extends ErrorOptions {
  readonly hung?: boolean;
}

export interface ConnectOptions {
  /** `host:port` or `[IPv6]:port` */
  readonly address: string;
  readonly timeoutMs: number;
  /** Finds the addresses of a name. Default: Node's own. */
  readonly lookup?: net.LookupFunction | undefined;
  /** undefined means plain TCP. */
  readonly tls: TlsOptions | undefined;
}

interface TlsOptions {
  readonly context: tls.SecureContext;
  /** The name that the certificate must carry; '' means the address's host. */
  readonly serverName: string;
  readonly alpn: readonly string[];
}

/** Exactly one of the two arguments is not null. */
export type Connected = (error: ConnectError | null, socket: net.Socket | null) => void;

/** As large as for Node's file streams: one read can take a whole page of metrics. */
const READ_BYTES = 65_536;

/**
 * Starts to connect, and calls `done` once.
 *
 * @returns the socket (`destroy` gives up); undefined if `address` is not `host:port`
 */
export function connect(options: ConnectOptions, done: Connected): net.Socket | undefined {
  const { address, timeoutMs, lookup } = options;
  const place = parseAddress(address);
  if (!place) {
    const error = new ConnectError('unreachable', address, {
      cause: 'the address is not host:port',
    });
    queueMicrotask(() => done(error, null));
    return undefined;
  }
  let settled = false;
  let reached = false;
  const from = lookup ? { ...place, lookup } : place;
  const socket = options.tls ? openTls(from, options.tls) : openTcp(from);
  const timer = setTimeout(() => {
    fail(new ConnectError(reached ? 'tls' : 'unreachable', address, { hung: true }));
    socket.destroy();
  }, timeoutMs);
  const fail = (error: ConnectError): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    done(error, null);
  };
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  socket.once('connect', () => {
    reached = true;
  });
  socket.once(options.tls ? 'secureConnect' : 'connect', () => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    done(null, socket);
  });
  // Stays for the socket's life: an error event without a listener would end the process.
  socket.on('error', (cause) => {
    fail(new ConnectError(connectFailure(cause, reached, socket), address, { cause }));
  });
  socket.once('close', () => fail(new ConnectError(reached ? 'tls' : 'aborted', address)));
  return socket;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Splits an address at its last colon, and removes the brackets around an IPv6 host. */
export function parseAddress(address: string): Place | undefined {
  const match = /^(?:\[([0-9a-f:.%\w]+)\]|([^\s:/@?#[\]\\]+)):(\d{1,5})$/i.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

interface From extends Place {
  readonly lookup?: net.LookupFunction;
}

function openTcp(from: From): net.Socket {
  const options = { ...from, highWaterMark: READ_BYTES }; // the type lacks this stream option
  return net.connect(options);
}

function openTls(from: From, { context, serverName, alpn }: TlsOptions): tls.TLSSocket {
  const name = serverName || from.host;
  return tls.connect({
    ...from,
    secureContext: context,
    ALPNProtocols: [...alpn],
    // RFC 6066, 3: SNI cannot carry an IP address. The certificate is still checked for it.
    servername: net.isIP(name) ? '' : name,
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
  });
}

function connectFailure(
  error: Error & { code?: string },
  reached: boolean,
  socket: net.Socket,
): Failure {
  if (error.code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'tls-identity';
  if (socket instanceof tls.TLSSocket && isClientRefused(error, socket)) return 'tls-client';
  if (reached) return 'tls';
  if (error.code === SEVERAL) return 'ambiguous';
  if (error.code === 'EMFILE' || error.code === 'ENFILE') return 'no-descriptors';
  return error.code === 'ECONNREFUSED' ? 'refused' : 'unreachable';
}
