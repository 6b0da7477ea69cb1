/**
 * A simulated gorouter: serves `/routes` behind basic auth, and can be made to fail.
 */
import { response } from './answers.ts';
import type { RoutesJson } from './foundation.ts';
import type { Answer, SeenRequest } from './simulated-server.ts';
import { startServer } from './simulated-server.ts';

export interface Gorouter extends AsyncDisposable {
  /** With the path `/routes`, without credentials. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** The table that it serves; may be changed at any time. */
  routes: RoutesJson;
  /**
   * Answers instead of the table to whoever has the right credentials: `status(500)`,
   * `page('{"half')`, `hang`, `trickle(…)`; undefined ends the fault.
   */
  fault: Answer | undefined;
  /** The latest 100 polls. */
  readonly polls: readonly SeenRequest[];
  /** From here on it refuses connections. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
}

/** Starts a gorouter on 127.0.0.1 that serves `routes`. */
export async function startGorouter(
  routes: RoutesJson,
  { username = 'router-status', password = 'status-password' } = {},
): Promise<Gorouter> {
  const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const server = await startServer((exchange) => {
    const { request, socket } = exchange;
    const isAllowed = request.headers['authorization'] === expected;
    if (isAllowed && gorouter.fault) return gorouter.fault(exchange);
    const isFound = request.method === 'GET' && request.target === '/routes';
    const code = isAllowed ? (isFound ? 200 : 404) : 401;
    const body = code === 200 ? JSON.stringify(gorouter.routes) : `status ${code}\n`;
    socket.write(response(code, { 'Content-Type': 'application/json' }, Buffer.from(body)));
  });
  const gorouter: Gorouter = {
    url: `http://${server.address}/routes`,
    username,
    password,
    routes,
    fault: undefined,
    polls: server.requests,
    goDown: () => server.goDown(),
    comeBack: () => server.comeBack(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return gorouter;
}
