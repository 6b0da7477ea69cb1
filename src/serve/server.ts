/**
 * The listening socket: its address, TLS and limits.
 *
 * `frame.ts` answers the requests, and `connections.ts` ends the connections. Whoever stops the
 * server must first set readiness to draining.
 */
import {
  createServer,
  type Server as HttpServer,
  type RequestListener,
  type ServerOptions,
} from 'node:http';
import { createServer as createTlsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Clock } from '../clock.ts';
import { readCertificates, type TlsFiles, watchCertificates } from './certificates.ts';
import { type ReaderConnectionOptions, ReaderConnections } from './connections.ts';
import { limitPipelining } from './pipeline.ts';
import { KEEP_ALIVE_MS } from './prepared.ts';

/** The limits for slow clients. */
const LIMITS: ServerOptions = {
  maxHeaderSize: 16_384,
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: KEEP_ALIVE_MS,
  noDelay: true,
};
const HANDSHAKE_MS = 10_000;
/** Bound on connections not accepted yet; past it a client waits a second or more to connect. */
const BACKLOG = 4_096;

export interface ServerSettings extends ReaderConnectionOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  readonly handle: RequestListener;
  /** Called when the certificate has changed, or with the error if it cannot be used. */
  readonly onCertificates?: (error?: unknown) => void;
  /** The clock by which the certificate's files are read again. */
  readonly clock?: Clock;
  /** `graceMs` of `presence.ts`. */
  readonly unseenGraceMs?: number;
  /** Override the default limits. */
  readonly limits?: ServerOptions;
}

/** A server that listens. Disposal ends it at once; call `drain` before to let requests end. */
export interface Server extends AsyncDisposable {
  /** The URL of the server on this machine. */
  readonly url: string;
  readonly port: number;
  readonly drain: ReaderConnections['drain'];
}

/** @throws {Error} if promgate cannot listen on the address, or cannot use the certificate */
export async function startServer(settings: ServerSettings): Promise<Server> {
  const { host, port, tls, limits } = settings;
  const handle = limitPipelining(settings.handle, {
    end: (socket) => connections.endPipelined(socket),
    graceMs: settings.unseenGraceMs,
  });
  const options = { ...LIMITS, ...limits };
  const stop = new AbortController();
  let server: HttpServer | HttpsServer;
  let watching: Promise<void> | undefined;
  if (tls) {
    const context = await readCertificates(tls);
    const secure = createSecureServer({ ...settings, handle }, { ...options, ...context });
    watching = watchFor(secure, settings, context, stop.signal);
    server = secure;
  } else {
    server = createServer(options, handle);
  }
  Object.assign(server, { httpAllowHalfOpen: true }); // else Node drops requests at a half-close
  const connections = new ReaderConnections(server, settings);
  const close = async (): Promise<void> => {
    stop.abort();
    await connections.close();
    await watching;
  };
  try {
    await listen(server, host, port);
  } catch (error) {
    await close();
    throw error;
  }
  const address = server.address() as AddressInfo; // as always for a server on a port
  return {
    url: `${tls ? 'https' : 'http'}://${reachable(address)}:${address.port}`,
    port: address.port,
    drain: (waitMs) => connections.drain(waitMs),
    [Symbol.asyncDispose]: close,
  };
}

function createSecureServer(
  { tls, handle }: ServerSettings,
  options: ServerOptions & SecureContextOptions,
): HttpsServer {
  const asksClients = tls?.asksClients ?? false;
  const requestCert = asksClients || tls?.clientCaFile !== undefined;
  const accept = { allowHalfOpen: true, handshakeTimeout: HANDSHAKE_MS };
  return createTlsServer(
    { ...options, ...accept, requestCert, rejectUnauthorized: !asksClients },
    handle,
  );
}

async function watchFor(
  server: HttpsServer,
  { tls, onCertificates, clock }: ServerSettings,
  context: SecureContextOptions,
  signal: AbortSignal,
): Promise<void> {
  if (!tls) return;
  await watchCertificates(tls, context, {
    onChange: (changed) => {
      server.setSecureContext(changed);
      onCertificates?.();
    },
    onError: (error) => onCertificates?.(error),
    signal,
    clock,
  });
}

function listen(server: HttpServer | HttpsServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function reachable({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return family === 'IPv6' ? `[${address}]` : address;
}
