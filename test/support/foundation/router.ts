/**
 * A simulated gorouter: it routes by Host and path, and pins requests to instances by both headers,
 * with the statuses and `X-Cf-RouterError` of the real one.
 */
import { once } from 'node:events';
import {
  Agent,
  request as ask,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { World, WorldRoute } from '../cf-api/world.ts';
import type { Cells, RunningInstance } from './cells.ts';

export interface Router extends AsyncDisposable {
  readonly url: string;
  /** Answers a request that came by another port. */
  readonly handle: RequestListener;
  /** How many requests were pinned by each header, and how many by none. */
  readonly pinned: { app: number; process: number; none: number };
  /** The names in the certificates that clients have shown. */
  readonly clients: ReadonlySet<string>;
  /** Whether it knows `X-CF-PROCESS-INSTANCE`; an older one passes it on and balances. */
  knowsProcesses: boolean;
}

const APP_INSTANCE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d+)$/;
const PROCESS_INSTANCE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?::(\d+))?$/;

/** Refuses a request as gorouter does. */
class RouterError extends Error {
  readonly status: number;

  constructor(status: number, word: string) {
    super(word);
    this.status = status;
  }
}

/** A router of identity-aware routes: it demands certificates of instances, and heeds route policies. */
export interface IdentityOptions {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  /** The authorities of instance identities. */
  readonly ca: string;
  /** The guids of the apps that may ask every route. */
  readonly policies: ReadonlySet<string>;
}

/** @param identity - makes the routes identity-aware, and no other is served */
export async function startRouter(
  world: World,
  cells: Cells,
  identity?: IdentityOptions,
): Promise<Router> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const router = {
    pinned: { app: 0, process: 0, none: 0 },
    knowsProcesses: true,
    clients: new Set<string>(),
  };
  let turn = 0;

  const choose = (request: IncomingMessage): RunningInstance => {
    const app = single(request.headers, 'x-cf-app-instance');
    const process = router.knowsProcesses ? single(request.headers, 'x-cf-process-instance') : '';
    const byApp = app === '' ? undefined : APP_INSTANCE.exec(app);
    if (byApp === null) throw new RouterError(400, 'invalid_cf_app_instance_header');
    const byProcess = byApp || process === '' ? undefined : PROCESS_INSTANCE.exec(process);
    if (byProcess === null) throw new RouterError(400, 'invalid_cf_process_instance_header');
    const isPinned = byApp !== undefined || byProcess !== undefined;
    const route = routeOf(world, request, identity !== undefined);
    if (!route) throw new RouterError(isPinned ? 400 : 404, 'unknown_route');
    const endpoints = endpointsOf(route, cells);
    if (byApp) {
      router.pinned.app += 1;
      const [, guid, index] = byApp;
      const fits = endpoints.filter(
        (one) => one.process.app.guid === guid && String(one.index) === index,
      );
      return fits.at(-1) ?? refuse(400, 'unknown_route'); // of two processes the last wins
    }
    if (byProcess) {
      router.pinned.process += 1;
      const [, guid, index] = byProcess;
      const fits = endpoints.filter(
        (one) => one.process.guid === guid && (index ?? String(one.index)) === String(one.index),
      );
      return fits[turn++ % fits.length] ?? refuse(400, 'unknown_route');
    }
    router.pinned.none += 1;
    return endpoints[turn++ % endpoints.length] ?? refuse(503, 'no_endpoints');
  };

  const handle: RequestListener = (request, response) => {
    try {
      const refusal = identity && refusalOf(request, identity, router.clients);
      if (refusal !== undefined) {
        response.writeHead(refusal, { 'Content-Type': 'text/plain' }).end('refused\n');
        return;
      }
      forward(request, response, choose(request), agent);
    } catch (error) {
      if (!(error instanceof RouterError)) throw error;
      fail(response, error.status, error.message);
    }
  };
  const { cert, key, ca } = identity ?? {};
  const demand = { requestCert: true, rejectUnauthorized: true };
  const server = identity
    ? createTlsServer({ cert, key, ca, ...demand }, handle)
    : createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // as always for a port
  return Object.assign(router, {
    handle,
    url: `${identity ? 'https' : 'http'}://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

/** The status of a refusal by route policies, which carries no word. */
function refusalOf(
  request: IncomingMessage,
  { policies }: IdentityOptions,
  clients: Set<string>,
): number | undefined {
  const socket = request.socket as TLSSocket; // only the router with TLS has policies
  const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  if (socket.servername !== host) return 421;
  const subject = socket.getPeerX509Certificate()?.subject ?? '';
  const [, app = ''] = /OU=app:(\S+)/.exec(subject) ?? [];
  clients.add(/CN=(\S+)/.exec(subject)?.[1] ?? '');
  return policies.has(app) ? undefined : 403;
}

function refuse(status: number, word: string): never {
  throw new RouterError(status, word);
}

function single(headers: IncomingHttpHeaders, name: string): string {
  return String(headers[name] ?? '');
}

/** The public route of the request: that with the longest path. */
function routeOf(
  world: World,
  request: IncomingMessage,
  identityAware: boolean,
): WorldRoute | undefined {
  const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  if (host === '') throw new RouterError(400, 'empty_host');
  const path = (request.url ?? '/').split('?', 1)[0]!.toLowerCase();
  return world.routes
    .filter(({ domain, port }) => !domain.internal && port === undefined)
    .filter(({ domain }) => domain.identityAware === identityAware)
    .filter((route) => `${route.host}.${route.domain.name}` === host)
    .filter(
      (route) => route.path === '' || path === route.path || path.startsWith(`${route.path}/`),
    )
    .sort((a, b) => b.path.length - a.path.length)[0];
}

function endpointsOf({ destinations }: WorldRoute, { running }: Cells): RunningInstance[] {
  return [...running.values()].filter(({ process }) =>
    destinations.some(
      ({ app, processType }) => app === process.app && processType === process.type,
    ),
  );
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { host, port }: RunningInstance,
  agent: Agent,
): void {
  const { 'x-cf-app-instance': _, ...headers } = request.headers;
  const { method, url: path } = request;
  const sent = ask({ agent, host, port, method, path, headers }, (answer) => {
    // It marks all answers of apps, and none of its own.
    response.writeHead(answer.statusCode ?? 502, {
      ...answer.headers,
      'x-vcap-request-id': '3b7c0d5e-9a3c-4d8e-8f35-5f5d0a3c1b2a',
    });
    answer.pipe(response);
  });
  sent.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else fail(response, 502, `endpoint_failure (${error.message})`);
  });
  request.pipe(sent);
}

function fail(response: ServerResponse, status: number, word: string): void {
  const headers = { 'X-Cf-RouterError': word, 'Content-Type': 'text/plain; charset=utf-8' };
  response.writeHead(status, headers).end(`${status} ${word}\n`);
}
