/**
 * The sockets of a pool of connections: closed with it, even if the server does not say goodbye.
 */
import { Socket } from 'node:net';

export class Sockets implements Disposable {
  readonly #open = new Set<Socket>();

  /** @returns a new one, not connected yet */
  create(): Socket {
    const socket = new Socket();
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  }

  /** What is written is still sent, as far as the system takes it at once. */
  [Symbol.dispose](): void {
    for (const socket of this.#open) {
      if (socket.connecting) socket.destroy();
      else socket.destroySoon();
      socket.unref(); // if the system takes no more
    }
  }
}
