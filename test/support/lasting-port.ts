/**
 * A port for a program that listens later: one that stays free until then.
 *
 * The system takes ports for connections from a range above 32768 (`ip_local_port_range`), and may
 * give one that was just given back to the next connection. These are below.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

const LOWEST = 20_000;
const COUNT = 10_000;
const TRIES = 100;

/** @throws {Error} if no port is free */
export async function lastingPort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * COUNT);
    const server = createServer().listen(port, '0.0.0.0');
    try {
      await once(server, 'listening');
    } catch {
      continue; // another program listens there
    }
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no port is free');
}
