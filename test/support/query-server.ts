/**
 * A Prometheus that answers from series in memory: the query API and both types of remote read, over
 * the program's own engine. It can be told to fail in the ways in which servers fail.
 *
 * The bytes of chunks and messages are written by code of its own, from their specifications.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { memoryStorage } from '../../src/promql/evaluate/memory-storage.ts';
import type { SeriesBlock, Storage } from '../../src/promql/evaluate/storage.ts';
import { eventually } from './eventually.ts';
import {
  type ApiAnswer,
  answerLabels,
  answerQuery,
  failure,
  success,
} from './query-server/api-answer.ts';
import { answerRead } from './query-server/read-answer.ts';

/** How the server fails; all may be changed at any time, and hold from the next request on. */
interface QueryFaults {
  /** It reads the request and never answers; or sends the head and no body. */
  freeze?: 'head' | 'body';
  /** It cuts the connection behind so many bytes of the body. */
  breakAfterBytes?: number;
  /** It sends so many bytes of the body, then waits for ever. */
  stallAfterBytes?: number;
  /** The checksum of the last frame is wrong. */
  wrongChecksum?: boolean;
  /** It answers with this status, and with a plain text. */
  status?: number;
  /** It sends other bytes than it should. */
  change?: (body: Buffer) => Buffer;
}

export interface QueryServerOptions {
  /** What it has; or another storage. */
  readonly series?: readonly SeriesBlock[];
  readonly storage?: Storage;
  /** Remote read adds them; the query API does not. */
  readonly externalLabels?: Readonly<Record<string, string>>;
  /** Whether it knows remote read; true by default. */
  readonly remoteRead?: boolean;
  /** Chunks of types 1 and 3 (`old`, the default), 4 and 6 (`new`), or none: it sends samples. */
  readonly chunks?: 'old' | 'new' | false;
  readonly faults?: QueryFaults;
  /** The `data` of other paths, such as `rules`, in place of empty lists. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Put before all paths. */
  readonly pathPrefix?: string;
  /** PEM texts; without them it speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** Requests that this refuses are answered with 401. */
  readonly allows?: (headers: IncomingMessage['headers']) => boolean;
}

interface ServedRequest {
  readonly method: string;
  /** Without the prefix and `/api/v1/`. */
  readonly path: string;
  /** Of the query and of the form. */
  readonly parameters: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface QueryServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly ServedRequest[];
  faults: QueryFaults;
  storage: Storage;
  /** Resolves when there are so many requests for a path. */
  received(path: string, count: number): Promise<readonly ServedRequest[]>;
}

export async function startQueryServer(options: QueryServerOptions): Promise<QueryServer> {
  const requests: ServedRequest[] = [];
  const sockets = new Set<Socket>();
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    serve(server, requests, options, incoming, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  };
  const { tls } = options;
  const http = tls
    ? createSecureServer({ ...tls, requestCert: tls.ca !== undefined }, listener)
    : createServer(listener);
  http.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo; // it listens on TCP
  const server: QueryServer = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}${options.pathPrefix ?? ''}`,
    port,
    requests,
    faults: options.faults ?? {},
    storage: options.storage ?? memoryStorage(options.series ?? []),
    received: (path, count) =>
      eventually(`${count} requests for ${path}`, () => {
        const found = requests.filter((request) => request.path === path);
        return found.length >= count ? found : undefined;
      }),
    [Symbol.asyncDispose]: async () => {
      const closed = once(http, 'close');
      http.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return server;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: readonly Buffer[];
}

async function serve(
  server: QueryServer,
  requests: ServedRequest[],
  options: QueryServerOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  const url = new URL(incoming.url ?? '/', 'http://server');
  const parameters = new URLSearchParams(url.search);
  if (incoming.headers['content-type'] === 'application/x-www-form-urlencoded') {
    for (const [name, value] of new URLSearchParams(body.toString()))
      parameters.append(name, value);
  }
  const prefix = `${options.pathPrefix ?? ''}/api/v1/`;
  const path = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : url.pathname;
  const request = {
    ...{ method: incoming.method ?? '', path, parameters, headers: incoming.headers, body },
  };
  requests.push(request);
  const { faults } = server;
  if (faults.freeze === 'head') return;
  if (options.allows?.(incoming.headers) === false) {
    response.writeHead(401, { 'Content-Type': 'text/plain' }).end('Unauthorized\n');
    return;
  }
  const { status, headers, parts } =
    faults.status === undefined
      ? await answer(server, options, request)
      : { status: faults.status, headers: { 'Content-Type': 'text/plain' }, parts: [TOLD] };
  response.writeHead(status, headers);
  if (faults.freeze === 'body') {
    response.flushHeaders();
    return;
  }
  send(response, faults, parts);
}

const TOLD = Buffer.from('told to fail\n');

function send(response: ServerResponse, faults: QueryFaults, parts: readonly Buffer[]): void {
  const { breakAfterBytes, stallAfterBytes, change } = faults;
  if (breakAfterBytes === undefined && stallAfterBytes === undefined && !change) {
    for (const part of parts) response.write(part);
    response.end();
    return;
  }
  const whole = change ? change(Buffer.concat(parts)) : Buffer.concat(parts);
  const length = breakAfterBytes ?? stallAfterBytes;
  if (length === undefined) response.end(whole);
  else {
    response.flushHeaders();
    response.write(whole.subarray(0, length), () => {
      if (breakAfterBytes !== undefined) response.destroy();
    });
  }
}

async function answer(
  server: QueryServer,
  options: QueryServerOptions,
  request: ServedRequest,
): Promise<Answer> {
  if (request.path === 'read') {
    if (options.remoteRead === false || request.method !== 'POST') return NOT_FOUND;
    const { contentType, contentEncoding, parts } = await answerRead(request.body, server.storage, {
      externalLabels: options.externalLabels ?? {},
      chunks: options.chunks === false ? undefined : (options.chunks ?? 'old'),
      wrongChecksum: server.faults.wrongChecksum === true,
    });
    const headers = {
      'Content-Type': contentType,
      ...(contentEncoding && { 'Content-Encoding': contentEncoding }),
    };
    return { status: 200, headers, parts };
  }
  const { status, body } = await answerApi(server, options, request);
  return { status, headers: { 'Content-Type': 'application/json' }, parts: [Buffer.from(body)] };
}

const NOT_FOUND: Answer = {
  status: 404,
  headers: { 'Content-Type': 'text/plain' },
  parts: [Buffer.from('404 page not found\n')],
};

async function answerApi(
  { storage }: QueryServer,
  options: QueryServerOptions,
  { path, parameters }: ServedRequest,
): Promise<ApiAnswer> {
  const own = options.data?.[path];
  if (own !== undefined) return success(own);
  const label = /^label\/([^/]+)\/values$/.exec(path)?.[1];
  if (label !== undefined) {
    return answerLabels(storage, parameters, { kind: 'values', label: decodeURIComponent(label) });
  }
  switch (path) {
    case 'query':
    case 'query_range':
      return answerQuery(storage, parameters, path === 'query_range');
    case 'series':
    case 'labels':
      return answerLabels(storage, parameters, { kind: path });
    case 'metadata':
      return success({});
    case 'rules':
      return success({ groups: [] });
    case 'alerts':
      return success({ alerts: [] });
    case 'targets':
      return success({ activeTargets: [], droppedTargets: [], droppedTargetCounts: {} });
    case 'alertmanagers':
      return success({ activeAlertmanagers: [], droppedAlertmanagers: [] });
    case 'query_exemplars':
      return success([]);
    case 'status/buildinfo':
      return success({
        version: '3.14.0',
        revision: '',
        branch: '',
        buildUser: '',
        buildDate: '',
        goVersion: '',
      });
    case 'status/flags':
      return success({ 'query.lookback-delta': '5m' });
    case 'status/config':
      return success({ yaml: configuration(options.externalLabels ?? {}) });
    default:
      return failure(404, 'not_found', `no ${path}`);
  }
}

/** As Prometheus prints it: defaults filled in, texts that need no quotes without them. */
function configuration(externalLabels: Readonly<Record<string, string>>): string {
  const labels = Object.entries(externalLabels).map(([name, value]) => {
    return `    ${name}: ${JSON.stringify(value)}\n`;
  });
  const external = labels.length === 0 ? '' : `  external_labels:\n${labels.join('')}`;
  return `global:\n  scrape_interval: 15s\n  scrape_timeout: 10s\n  evaluation_interval: 1m\n${external}`;
}
