/** A proxy of TCP that tests move from one server to another, as the address of a database moves. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export interface Forwarder extends AsyncDisposable {
  /** @returns the address of the same database through the proxy */
  urlOf(url: string): string;
  /** Cuts all connections; new ones reach the server of this URL. */
  moveTo(url: string): void;
}

/** @param url - names the server that it leads to at first */
export async function startForwarder(url: string): Promise<Forwarder> {
  let port = Number(new URL(url).port);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(port, '127.0.0.1');
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      open.add(from);
      from.on('error', () => to.destroy()); // a test may cut it
      from.on('close', () => void (open.delete(from) && to.destroy()));
      from.pipe(to);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = (server.address() as AddressInfo).port; // it listens on TCP
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    urlOf: (at) => Object.assign(new URL(at), { port: `${own}` }).href,
    moveTo(at) {
      port = Number(new URL(at).port);
      cut();
    },
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
