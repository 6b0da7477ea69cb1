/**
 * Simulated app instances: many listening addresses of 127.0.0.0/8 in one process.
 *
 * What each says is an `Answer` of `answers.ts`; which app it belongs to is `foundation.ts`' matter.
 */
import { hang } from './answers.ts';
import type { Answer, ServerOptions, SimulatedServer } from './simulated-server.ts';
import { startServer } from './simulated-server.ts';

export interface AppInstances extends AsyncDisposable {
  readonly instances: readonly SimulatedServer[];
  /** `host:port` of each, in the same order. */
  readonly addresses: readonly string[];
}

/**
 * Starts one server per answer: 127.1.0.1, 127.1.0.2, …, each on a free port.
 *
 * @param answers - `'refuse'` reserves an address where nothing listens
 */
export async function startAppInstances(
  answers: readonly (Answer | 'refuse')[],
  options: Pick<ServerOptions, 'tls'> = {},
): Promise<AppInstances> {
  await using parts = new AsyncDisposableStack();
  const instances: SimulatedServer[] = [];
  for (const [index, answer] of answers.entries()) {
    const host = `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
    const refuses = answer === 'refuse';
    const server = await startServer(refuses ? hang : answer, { ...options, host });
    instances.push(parts.use(server));
    if (refuses) await server.goDown();
  }
  const owned = parts.move();
  return {
    instances,
    addresses: instances.map(({ address }) => address),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
