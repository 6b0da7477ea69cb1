/**
 * The instances of a simulated foundation: each has an address of its own on loopback, and a page that
 * says who it is.
 *
 * One server listens on all addresses of 127.0.0.0/8. A connection to an address where nothing runs
 * is reset, as a cell does when the container is gone.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { World, WorldInstance, WorldProcess } from '../cf-api/world.ts';

/** One instance that runs. */
export interface RunningInstance {
  readonly process: WorldProcess;
  readonly instance: WorldInstance;
  readonly index: number;
  /** Of 127.0.0.0/8. */
  readonly host: string;
  readonly port: number;
}

export interface Cells extends AsyncDisposable {
  /** Starts what the world says and ends what it does not; an instance keeps its address. */
  follow(world: World): void;
  readonly running: ReadonlyMap<string, RunningInstance>;
  /** How many requests the instances have had. */
  readonly requests: number;
}

/** The family by which an instance says who it is; its labels clash with none of promgate's. */
export const IDENTITY_FAMILY = 'foundation_identity';

/** A path that the instances themselves refuse, and one at which they break off. */
export const FORBIDDEN_PATH = '/forbidden';
export const BROKEN_PATH = '/broken';

export async function startCells(): Promise<Cells> {
  const running = new Map<string, RunningInstance>();
  const byHost = new Map<string, RunningInstance>();
  const connections = new Map<string, Set<Socket>>();
  let requests = 0;
  let made = 0;
  const server = createServer((request, response) => {
    requests += 1;
    const own = byHost.get(request.socket.localAddress ?? '');
    if (!own || request.url === BROKEN_PATH) return void request.socket.resetAndDestroy();
    const isPage = request.url === '/metrics';
    const status = request.url === FORBIDDEN_PATH ? 403 : 404;
    response.writeHead(isPage ? 200 : status, { 'Content-Type': 'text/plain; version=0.0.4' });
    response.end(isPage ? pageOf(own) : 'not here\n');
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    const host = socket.localAddress ?? '';
    if (!byHost.has(host)) return void socket.resetAndDestroy();
    const all = connections.get(host) ?? new Set();
    connections.set(host, all.add(socket));
    socket.once('close', () => all.delete(socket));
    socket.on('error', () => undefined); // a reader that leaves
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // as always for a port

  const start = (process: WorldProcess, instance: WorldInstance, index: number): void => {
    made += 1;
    const host = `127.${10 + (made >> 16)}.${(made >> 8) & 255}.${made & 255}`;
    const own = { process, instance, index, host, port };
    running.set(instance.guid, own);
    byHost.set(host, own);
  };
  const end = ({ instance, host }: RunningInstance): void => {
    running.delete(instance.guid);
    byHost.delete(host);
    for (const socket of connections.get(host) ?? []) socket.resetAndDestroy();
    connections.delete(host);
  };
  return {
    running,
    get requests() {
      return requests;
    },
    follow: (world) => {
      const wanted = new Set<string>();
      for (const process of world.processes) {
        if (process.app.state !== 'STARTED') continue;
        for (const [index, instance] of process.instances.entries()) {
          if (instance.state !== 'RUNNING') continue;
          wanted.add(instance.guid);
          if (!running.has(instance.guid)) start(process, instance, index);
        }
      }
      for (const own of [...running.values()]) if (!wanted.has(own.instance.guid)) end(own);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What an instance says of itself. */
export function pageOf({ process, instance, index }: RunningInstance): string {
  const { app } = process;
  const labels = {
    own_app: app.guid,
    own_name: app.name,
    own_space: app.space.name,
    own_organization: app.space.organization.name,
    own_index: String(index),
    own_process: process.guid,
    own_instance: instance.guid,
  };
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `# TYPE ${IDENTITY_FAMILY} gauge\n${IDENTITY_FAMILY}{${pairs.join(',')}} 1\n`;
}
