/**
 * The sockets of a connection pool, which disposal closes even if the server does not respond.
 */
import { Socket } from 'node:net';

export class Sockets implements Disposable {
  readonly #open = new Set<Socket>();

  /** @returns a new socket, not connected yet */
  create(): Socket {
    const socket = new Socket();
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  }

  /** Closes all sockets after sending what the system accepts at once. */
  [Symbol.dispose](): void {
    for (const socket of this.#open) {
      if (socket.connecting) socket.destroy();
      else socket.destroySoon();
      socket.unref(); // the process need not wait for a system that accepts no more
    }
  }
}
