/**
 * A reader whose connections the test decides on, unlike those of `fetch`.
 */
import { Agent, get, type IncomingMessage } from 'node:http';

export interface ReadAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface ReadOptions {
  /** Default: a connection of its own. */
  readonly agent?: Agent | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** One connection that is kept from request to request. */
export function keptConnection(): Agent & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}

/** GETs `url` and waits for the whole answer; bodies are left compressed. */
export function read(
  url: string,
  { agent, headers = {}, signal }: ReadOptions = {},
): Promise<ReadAnswer> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: agent ?? false, headers, ...(signal && { signal }) });
    request.once('error', reject);
    request.once('response', async (answer) => {
      try {
        const body = Buffer.concat(await answer.toArray());
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
      } catch (error) {
        reject(error);
      }
    });
  });
}
