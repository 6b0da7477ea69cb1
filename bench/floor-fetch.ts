/** Two ways in which the floor fetches a page: as a plain program does, and as cheaply as undici can. */
import { Agent, Client, type Dispatcher, request } from 'undici';

/**
 * `request`: `undici.request`, each body in one buffer. `dispatch`: undici's lowest level, which
 * promgate uses as well; a body stays in the pieces in which it arrived.
 */
export const FLOOR_WAYS = ['request', 'dispatch'] as const;

export type FloorWay = (typeof FLOOR_WAYS)[number];

/** Fetches a page. @returns the body */
export type FetchPage = (address: string, path: string) => Promise<readonly Buffer[]>;

/** Connections stay open between the turns of a server. */
const KEPT = { keepAliveTimeout: 600_000, keepAliveMaxTimeout: 600_000 };

export function fetcher(way: FloorWay): FetchPage {
  return way === 'request' ? byRequest() : byDispatch();
}

function byRequest(): FetchPage {
  const dispatcher = new Agent({ pipelining: 1, ...KEPT });
  return async (address, path) => {
    const { body } = await request(`http://${address}${path}`, { dispatcher });
    const parts: Buffer[] = [];
    for await (const part of body) parts.push(part as Buffer);
    return [Buffer.concat(parts)];
  };
}

function byDispatch(): FetchPage {
  /** Connections without a request, by address. */
  const idle = new Map<string, Client[]>();
  return (address, path) => {
    const free = idle.get(address) ?? [];
    idle.set(address, free);
    const client = free.pop() ?? new Client(`http://${address}`, KEPT);
    return new Promise((resolve, reject) => {
      const onEnd = (body: readonly Buffer[]): void => {
        free.push(client);
        resolve(body);
      };
      client.dispatch({ method: 'GET', path }, new Body(onEnd, reject));
    });
  };
}

/** Collects the pieces of a body. undici calls the methods whose names begin with `on`. */
class Body implements Dispatcher.DispatchHandler {
  readonly #parts: Buffer[] = [];
  readonly #onEnd: (parts: readonly Buffer[]) => void;
  readonly #onError: (error: Error) => void;

  constructor(onEnd: (parts: readonly Buffer[]) => void, onError: (error: Error) => void) {
    this.#onEnd = onEnd;
    this.#onError = onError;
  }

  onRequestStart(): void {}

  onResponseStart(): void {}

  onResponseData(_controller: Dispatcher.DispatchController, part: Buffer): void {
    this.#parts.push(part);
  }

  onResponseEnd(): void {
    this.#onEnd(this.#parts);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#onError(error);
  }
}
