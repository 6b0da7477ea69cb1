/** A client of Redis to look with, and to break things. */
import { Redis } from 'iovalkey';

export type RedisClient = Redis & AsyncDisposable;

/** @param url - names a server that runs until the client ends */
export function redisClient(url: string): RedisClient {
  const client = new Redis(url);
  client.on('error', () => undefined); // tests end servers before clients
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.disconnect() });
}
