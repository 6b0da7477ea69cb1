/**
 * The caching proxy before a simulated origin, within the test's process.
 */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { type ProxyApp, type ProxySettings, startProxy } from '../../src/assemble/proxy.ts';
import type { ProxyEvent } from '../../src/serve/proxy.ts';
import { createLog } from '../../src/telemetry/log.ts';

export interface TestProxy extends AsyncDisposable {
  readonly app: ProxyApp;
  readonly url: string;
  readonly port: number;
  /** What the proxy told of its requests so far. */
  readonly events: readonly ProxyEvent[];
  get(path: string, init?: RequestInit): Promise<Response>;
}

export interface TestOrigin extends AsyncDisposable {
  readonly url: string;
  /** Connections that were opened so far. */
  readonly connections: number;
}

/** An origin that speaks HTTP as Node does, over TLS if it has a certificate. */
export async function startOrigin(
  handle: RequestListener,
  certificate?: { readonly cert: string; readonly key: string },
): Promise<TestOrigin> {
  const server = certificate ? createTlsServer(certificate, handle) : createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let connections = 0;
  server.on('connection', () => connections++);
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An origin that does with each connection what it likes, once a request's head has come. */
export async function startRawOrigin(
  onRequest: (socket: Socket, head: string) => void,
): Promise<TestOrigin> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined); // the proxy may reset it
    socket.once('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => onRequest(socket, chunk.toString('latin1')));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const SETTINGS: Omit<ProxySettings, 'origin'> = {
  ...{ host: '127.0.0.1', port: 0, metricsPort: undefined, cacheAllMs: undefined },
  ...{ cacheBytes: 16 * 1024 * 1024, timeoutMs: 10_000, logLevel: 'error' },
  controlFolder: undefined,
};

export async function startTestProxy(
  origin: string,
  settings: Partial<ProxySettings> = {},
  platformAuthorities?: string,
): Promise<TestProxy> {
  const events: ProxyEvent[] = [];
  const log = createLog({ level: 'error', destination: { write: () => undefined } });
  const app = await startProxy(
    { ...SETTINGS, ...settings, origin: new URL(origin) },
    { log, platformAuthorities, onRequest: (event) => events.push(event) },
  );
  const { url } = app;
  return {
    ...{ app, url, events, port: Number(new URL(url).port) },
    get: (path, init) => fetch(url + path, init),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

/** Sends bytes, and reads all that comes until the proxy ends the connection. */
export async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  socket.on('error', () => undefined); // a reset ends the answer like a close
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(parts).toString('latin1');
}
