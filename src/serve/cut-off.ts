/**
 * Notes which connections promgate itself ended, so that the request log does not say that the
 * readers of their open requests left.
 */
import type { Socket } from 'node:net';

const cut = new WeakSet<object>();

/** Ends a connection at once, and notes it as cut off. */
export function cutOff(socket: Pick<Socket, 'destroy'>): void {
  cut.add(socket);
  socket.destroy();
}

export function wasCutOff(socket: object): boolean {
  return cut.has(socket);
}
