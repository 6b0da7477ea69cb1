/** A site on a real server, and requests to it as they are on the wire. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { type Server, type ServerSettings, startServer } from '../../src/serve/server.ts';
import { createSite, type SiteOptions } from '../../src/serve/site.ts';

export interface SiteServer extends Server {
  /** What the site reported as its own mistakes. */
  readonly mistakes: unknown[];
  readonly cut: AbortController;
}

export async function serveSite(
  site: Partial<SiteOptions>,
  settings: Partial<ServerSettings> = {},
): Promise<SiteServer> {
  const cut = settings.cut ?? new AbortController();
  const mistakes: unknown[] = [];
  const handle = createSite({
    routes: [],
    cut: cut.signal,
    onError: (error) => mistakes.push(error),
    ...site,
  });
  const server = await startServer({
    ...{
      host: '127.0.0.1',
      port: 0,
      maxConnections: 100,
      idleMs: 60_000,
      unseenGraceMs: 10,
      handle,
      cut,
    },
    ...settings,
  });
  return { ...server, mistakes, cut };
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
