/**
 * Container-to-container networking of a simulated foundation: internal routes that only containers
 * can look up, network policies, and the proxy of each container that speaks TLS at port 61443.
 *
 * Each container has an address of its own on loopback. Without a network policy for a port nothing
 * listens there, so that a connection is refused at once, as Silk does it.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Lookup } from '../../../src/fetch/host-lookup.ts';
import type { World, WorldApp } from '../cf-api/world.ts';
import type { IdentityChain } from '../identity-chain.ts';
import { type Cells, pageOf, type RunningInstance } from './cells.ts';

export interface Containers extends AsyncDisposable {
  /** The names that containers can look up. */
  readonly lookup: Lookup;
  /** `METHOD HOST:PORT/PATH` of each request, oldest first. */
  readonly requests: readonly string[];
  /** What `cf add-network-policy … APP --port PORT` does; for the instances that run now. */
  allow(app: WorldApp, port: number): Promise<void>;
}

const TLS_PORT = 61_443;
/** Test processes at the same time use different addresses. */
const [FIRST, SECOND] = [64 + (process.pid % 150), Math.floor(process.pid / 150) % 250];

/** @param chain - issues the certificates of the containers; without it no proxy speaks TLS */
export async function startContainers(
  world: World,
  cells: Cells,
  chain?: IdentityChain,
): Promise<Containers> {
  const addresses = new Map<string, string>();
  const servers: Server[] = [];
  const requests: string[] = [];
  const addressOf = ({ instance }: RunningInstance): string => {
    const known = addresses.get(instance.guid) ?? `127.${FIRST}.${SECOND}.${addresses.size + 1}`;
    addresses.set(instance.guid, known);
    return known;
  };
  const open = async (own: RunningInstance, port: number): Promise<void> => {
    const handle: RequestListener = (request, response) => {
      requests.push(`${request.method} ${request.headers.host}:${port}${request.url}`);
      response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4' });
      response.end(`${pageOf(own)}# TYPE foundation_port gauge\nfoundation_port ${port}\n`);
    };
    const server =
      port === TLS_PORT && chain
        ? createTlsServer(certificateOf(own, world, chain), handle)
        : createServer(handle);
    servers.push(server);
    server.listen(port, addressOf(own));
    await once(server, 'listening');
  };
  return {
    requests,
    lookup: async (name) => {
      if (name === 'localhost') return ['127.0.0.1'];
      const found = named(name, world, cells).map(addressOf);
      return found.length > 0 ? found : 'none';
    },
    allow: async (app, port) => {
      const own = [...cells.running.values()].filter(({ process }) => process.app === app);
      for (const one of own) await open(one, port);
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },
  };
}

/** All instances for `HOST.apps.internal`, and those of one index for `INDEX.HOST.apps.internal`. */
function named(name: string, world: World, { running }: Cells): RunningInstance[] {
  const [, index, host] = /^(?:(\d+)\.)?([^.]+\..+)$/.exec(name.toLowerCase()) ?? [];
  const route = world.routes.find(
    (one) => one.domain.internal && `${one.host}.${one.domain.name}` === host,
  );
  return [...running.values()].filter(
    (one) =>
      (index === undefined || one.index === Number(index)) &&
      route?.destinations.some(
        ({ app, processType }) => app === one.process.app && processType === one.process.type,
      ),
  );
}

/** The certificate of a container names its instance and the internal hosts of its app. */
function certificateOf({ process, instance }: RunningInstance, world: World, chain: IdentityChain) {
  const hosts = world.routes
    .filter(({ domain, destinations }) => {
      return domain.internal && destinations.some(({ app }) => app === process.app);
    })
    .map(({ host, domain }) => `DNS:${host}.${domain.name}`);
  const { guid } = instance;
  const names = [`DNS:${guid}`, ...hosts].join(',');
  chain.issued(guid, { by: 'identity-ca', extensions: [`subjectAltName=${names}`] });
  return { cert: chain.pem(guid) + chain.pem('identity-ca'), key: chain.key(guid) };
}
