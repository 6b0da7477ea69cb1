/**
 * Which connections have no answer under way, and since when: the one that has been idle longest
 * makes room for a new one. A request that has not come whole counts as none.
 *
 * Connections are known by their addresses, since the TLS socket of a request is another object than
 * the one that was accepted.
 */
import type { Socket } from 'node:net';

export class IdleConnections {
  /** Idle ones, the longest first. */
  readonly #idle = new Map<string, Socket>();
  /** Others, and how many of their answers are under way. */
  readonly #busy = new Map<string, { readonly socket: Socket; answers: number }>();

  /** How many are open. */
  get size(): number {
    return this.#idle.size + this.#busy.size;
  }

  opened(socket: Socket): void {
    const key = keyOf(socket);
    this.#idle.set(key, socket);
    socket.once('close', () => {
      if (this.#idle.get(key) === socket) this.#idle.delete(key);
      if (this.#busy.get(key)?.socket === socket) this.#busy.delete(key);
    });
  }

  /** An answer begins; @returns to be called when it is over */
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

  /** The connection that has been idle longest, but for `besides`. */
  longest(besides: Socket): Socket | undefined {
    for (const socket of this.#idle.values()) if (socket !== besides) return socket;
    return undefined;
  }
}

/** Of an open connection: no two have the same. */
function keyOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}
