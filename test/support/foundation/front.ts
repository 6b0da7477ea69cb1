/**
 * What stands in front of a foundation: one TLS port for the CF API and all routes, as on platforms
 * whose API is a route of gorouter.
 */
import { once } from 'node:events';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { IdentityChain } from '../identity-chain.ts';
import type { Router } from './router.ts';

export interface Front extends AsyncDisposable {
  /** `https://localhost:PORT`, the address of the API. */
  readonly url: string;
  /** The names in TLS and the `Host` of requests that were for apps. */
  readonly asked: readonly string[];
}

export async function startFront(
  { api, router }: { readonly api: string; readonly router: Pick<Router, 'handle'> },
  chain: IdentityChain,
): Promise<Front> {
  const names = ['subjectAltName=DNS:localhost,DNS:*.apps.example.com'];
  chain.issued('front', { by: 'root', extensions: names });
  const asked: string[] = [];
  const ownUrl = (): string => `https://localhost:${(server.address() as AddressInfo).port}`;
  /** The API names its UAA, which is behind the same port. */
  const answerRoot = async (answer: IncomingMessage, response: ServerResponse): Promise<void> => {
    const root = (await text(answer)).replaceAll(api, ownUrl());
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(root);
  };
  const files = { cert: chain.pem('front'), key: chain.key('front') };
  const server = createServer(files, (request, response) => {
    const { method, url = '/', headers, socket } = request;
    const host = headers.host ?? '';
    const isApi = host.startsWith('localhost');
    if (!isApi) {
      asked.push(`${'servername' in socket ? String(socket.servername) : ''} ${host}`);
      return void router.handle(request, response);
    }
    const sent = ask(new URL(url, api), { method, headers }, (answer) => {
      if (url === '/') return void answerRoot(answer, response);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    sent.on('error', () => response.destroy());
    request.pipe(sent);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: ownUrl(),
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
