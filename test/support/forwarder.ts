/** A proxy of TCP that tests move from one server to another, as the address of a database moves. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export interface Forwarder extends AsyncDisposable {
  /** @returns the address of the same database through the proxy */
  urlOf(url: string): string;
  /** Cuts all connections; new ones reach the server of this URL. */
  moveTo(url: string): void;
  /**
   * Cuts a connection in place of passing on the next bytes that match, from the server (`answer`) or
   * to it (`request`). Resolves then.
   */
  lose(what: Lost, matches: (bytes: Buffer) => boolean): Promise<void>;
}

type Lost = 'request' | 'answer';

/** @param url - names the server that it leads to at first */
export async function startForwarder(url: string): Promise<Forwarder> {
  let port = Number(new URL(url).port);
  const open = new Set<Socket>();
  const losses = new Set<(what: Lost, bytes: Buffer) => boolean>();
  const server = createServer((client) => {
    const upstream = createConnection(port, '127.0.0.1');
    for (const [what, from, to] of [
      ['request', client, upstream] as const,
      ['answer', upstream, client] as const,
    ]) {
      open.add(from);
      from.prependListener('data', (bytes: Buffer) => {
        if ([...losses].some((isLost) => isLost(what, bytes))) {
          to.destroy(); // before the pipe has the bytes
          from.destroy();
        }
      });
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
    lose: (what, matches) =>
      new Promise((resolve) => {
        const isLost = (one: Lost, bytes: Buffer): boolean => {
          if (one !== what || !matches(bytes)) return false;
          losses.delete(isLost);
          resolve();
          return true;
        };
        losses.add(isLost);
      }),
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
