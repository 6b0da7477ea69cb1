/**
 * Connections that promgate itself ended: what was open on them is not logged as if its reader had
 * left.
 */
import type { Socket } from 'node:net';

const cut = new WeakSet<object>();

/** Ends a connection at once. */
export function cutOff(socket: Pick<Socket, 'destroy'>): void {
  cut.add(socket);
  socket.destroy();
}

export function wasCutOff(socket: object): boolean {
  return cut.has(socket);
}
