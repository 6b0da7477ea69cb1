/**
 * Finds the connection that has been idle longest, which has to make room for a new connection. A
 * connection is idle while it has no answer under way, even if the head of a request has arrived in
 * part.
 *
 * Connections are identified by address and port, since the TLS socket of a request is another
 * object than the accepted socket.
 */
import type { Socket } from 'node:net';

export class IdleConnections {
  /** The idle connections; the one that has been idle longest comes first. */
  readonly #idle = new Map<string, Socket>();
  /** All other connections, and how many of their answers are under way. */
  readonly #busy = new Map<string, { readonly socket: Socket; answers: number }>();

  /** How many connections are open. */
  get size(): number {
    return this.#idle.size + this.#busy.size;
  }

  /** Notes a new connection, which is idle at first. */
  opened(socket: Socket): void {
    const key = keyOf(socket);
    this.#idle.set(key, socket);
    socket.once('close', () => {
      if (this.#idle.get(key) === socket) this.#idle.delete(key);
      if (this.#busy.get(key)?.socket === socket) this.#busy.delete(key);
    });
  }

  /** Notes that an answer begins. @returns a function to call when the answer is over */
  answering(socket: Socket): () => void {
    const key = keyOf(socket);
    const idle = this.#idle.get(key);
    if (idle !== undefined) {
      this.#idle.delete(key);
      this.#busy.set(key, { socket: idle, answers: 0 });
    }
    const busy = this.#busy.get(key);
    if (busy) busy.answers += 1;
    return () => {
      if (!busy || --busy.answers > 0 || this.#busy.get(key) !== busy) return;
      this.#busy.delete(key);
      this.#idle.set(key, busy.socket);
    };
  }

  /** The connection that has been idle longest, apart from `besides`. */
  longest(besides: Socket): Socket | undefined {
    for (const socket of this.#idle.values()) if (socket !== besides) return socket;
    return undefined;
  }
}

/** The keys that were made, since Node takes a microsecond for the addresses. */
const keys = new WeakMap<Socket, string>();

/** Identifies an open connection. */
function keyOf(socket: Socket): string {
  const known = keys.get(socket);
  if (known !== undefined) return known;
  const { remoteAddress, remotePort, localPort } = socket;
  const key = `${remoteAddress} ${remotePort} ${localPort}`;
  keys.set(socket, key);
  return key;
}
