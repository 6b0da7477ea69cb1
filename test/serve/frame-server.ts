/** A frame on a real server, and requests to it as they are on the wire. */
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { Router } from '@koa/router';
import { answerProblem, type OnMistake } from '../../src/serve/answer-problem.ts';
import { admitAll, operatorsOnly } from '../../src/serve/auth.ts';
import { createFrame, type FrameOptions } from '../../src/serve/frame.ts';
import type { Mount } from '../../src/serve/mount.ts';
import type { Handler, RequestState } from '../../src/serve/request.ts';
import { type Server, type ServerSettings, startServer } from '../../src/serve/server.ts';

export interface Route {
  readonly name: string;
  readonly path: string | RegExp;
  readonly handle: Handler;
  readonly isForOperators?: boolean;
}

export interface FrameServer extends Server {
  /** What the frame reported as promgate's own mistakes. */
  readonly mistakes: unknown[];
  readonly cut: AbortController;
}

interface FrameServerOptions
  extends Partial<Pick<FrameOptions, 'observe' | 'lane' | 'known' | 'pushLane'>> {
  /** Answers all paths that no other mount has, in place of `routes`. */
  readonly root?: Mount | undefined;
  readonly routes?: readonly Route[];
  readonly mounts?: readonly Mount[];
  /** Default: everybody is let in. */
  readonly admit?: Handler;
  /** Default: as problems. */
  readonly errors?: (onMistake: OnMistake) => Mount['errors'];
}

/** All `routes` are those of one mount. @param around - wraps the listener of the frame */
export async function serveFrame(
  {
    routes = [],
    mounts = [],
    admit = admitAll,
    errors = answerProblem,
    observe,
    lane,
    known,
    pushLane,
    root,
  }: FrameServerOptions,
  settings: Partial<ServerSettings> = {},
  around: (listener: RequestListener) => RequestListener = (listener) => listener,
): Promise<FrameServer> {
  const cut = settings.cut ?? new AbortController();
  const mistakes: unknown[] = [];
  const onError: OnMistake = (error) => mistakes.push(error);
  const router = routerOf(routes);
  const listener = createFrame({
    mounts: [...mounts, root ?? { prefix: '', admit, errors: errors(onError), router }],
    ...{ cut: cut.signal, onError, lane, known, pushLane, ...(observe && { observe }) },
  });
  const handle = around(listener);
  const server = await startServer({
    ...{ host: '127.0.0.1', port: 0, maxConnections: 100, idleMs: 60_000, unseenGraceMs: 10 },
    ...{ handle, cut },
    ...settings,
  });
  return { ...server, mistakes, cut };
}

export function routerOf(routes: readonly Route[]): Router<RequestState> {
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  for (const { name, path, handle, isForOperators } of routes) {
    if (isForOperators) router.get(name, path, operatorsOnly, handle);
    else router.get(name, path, handle);
  }
  return router;
}

/** Sends `text` on a connection of its own. @returns all that comes until the server closes it */
export async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined); // a reset ends the answer like a close
  socket.write(text);
  return await readAll(socket);
}

export async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'close');
  return Buffer.concat(chunks).toString();
}

/** A request line and headers; the connection ends after the answer. */
export function requestText(target: string, headers: readonly string[] = []): string {
  return [`GET ${target} HTTP/1.1`, 'Host: h', 'Connection: close', ...headers, '', ''].join(
    '\r\n',
  );
}
