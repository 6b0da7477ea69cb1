/** A receiver of remote write that decodes what it gets, and answers as a test tells it to. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { eventually } from './eventually.ts';
import {
  type ReceivedSeries,
  type RemoteMessage,
  readFirst,
  readSecond,
} from './remote-message.ts';

interface ReceivedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly version: '0.1.0' | '2.0.0';
  readonly message: RemoteMessage;
  /** How many samples it has. */
  readonly samples: number;
}

/** Answers a request; may take the response in its own hands and return nothing. */
export type Reply = (
  request: ReceivedRequest,
  response: ServerResponse,
) =>
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | undefined;

export interface RemoteReceiver extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** May be changed at any time; holds from the next request on. */
  reply: Reply;
  /** All series of requests that were answered with 2xx, in the order of arrival. */
  readonly stored: readonly ReceivedSeries[];
  /** Resolves when there are so many requests. */
  received(count: number): Promise<readonly ReceivedRequest[]>;
  /** Refuses connections, and cuts the open ones. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
}

/** A receiver that knows both protocols, and stores everything. */
export const storesAll: Reply = ({ version, samples }) => ({
  status: 204,
  headers: version === '2.0.0' ? { 'X-Prometheus-Remote-Write-Samples-Written': `${samples}` } : {},
});

/** A receiver from before protocol 2.0: it takes any message for one of protocol 1.0. */
export const knowsFirstOnly: Reply = () => ({ status: 204 });

/** @param tls - PEM texts; without them it speaks plain HTTP */
export async function startReceiver(
  first: Reply = storesAll,
  tls?: { readonly cert: string; readonly key: string },
): Promise<RemoteReceiver> {
  const requests: ReceivedRequest[] = [];
  const stored: ReceivedSeries[] = [];
  const sockets = new Set<Socket>();
  const receive = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const version = incoming.headers['x-prometheus-remote-write-version'] as '0.1.0' | '2.0.0';
    const message = version === '2.0.0' ? readSecond(body) : readFirst(body);
    const samples = message.series.reduce((sum, one) => sum + one.samples.length, 0);
    const request = { headers: incoming.headers, body, version, message, samples };
    requests.push(request);
    const answer = receiver.reply(request, response);
    if (!answer) return;
    const isStored = answer.status < 300 && (version === '0.1.0' || answer.headers !== undefined);
    if (isStored) stored.push(...message.series);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  };
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    receive(incoming, response).catch((error: unknown) => response.destroy(error as Error));
  };
  const server = tls ? createSecureServer(tls, listener) : createServer(listener);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port; // it listens on TCP
  };
  const port = await listen(0);
  const receiver: RemoteReceiver = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/api/v1/write`,
    requests,
    stored,
    reply: first,
    received: (count) =>
      eventually(`${count} requests`, () => (requests.length >= count ? requests : undefined)),
    goDown: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    comeBack: async () => void (await listen(port)),
    [Symbol.asyncDispose]: () => receiver.goDown(),
  };
  return receiver;
}
