/**
 * An HTTP/1.1 server whose answers are bytes: it can lie, stall and break off as real ones do.
 *
 * Reads heads of requests without a body (scrapes and polls have none) and hands the socket to an
 * `Answer`; `answers.ts` has those. Cheap enough to stand for 1,000 app instances in a benchmark.
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** One request as it came in. */
export interface SeenRequest {
  readonly method: string;
  /** The request target as sent: path and query. */
  readonly target: string;
  /** Names in lower case; repeated ones joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Exchange {
  readonly request: SeenRequest;
  readonly socket: net.Socket;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
}

/** Writes the response to one request; once it returns, the connection's next request is read. */
export type Answer = (exchange: Exchange) => void | Promise<void>;

export interface SimulatedServer extends AsyncDisposable {
  /** `host:port`. */
  readonly address: string;
  /** May be changed at any time; holds from the next request on. */
  answer: Answer;
  /** The latest 100 requests, oldest first. */
  readonly requests: readonly SeenRequest[];
  /** Connections that are open now. */
  readonly openConnections: number;
  /** Stops listening and cuts all connections: from here on it refuses. */
  goDown(): Promise<void>;
  /** Listens again on the same address. */
  comeBack(): Promise<void>;
}

export interface ServerOptions {
  readonly host?: string;
  readonly port?: number;
  readonly tls?: tls.TlsOptions;
}

const KEPT_REQUESTS = 100;

/** Listens on `host` (127.0.0.1) and `port` (a free one), with TLS when `tls` is given. */
export async function startServer(
  answer: Answer,
  { host = '127.0.0.1', port = 0, tls: tlsOptions }: ServerOptions = {},
): Promise<SimulatedServer> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<net.Socket>();
  const onConnection = (socket: net.Socket): void => {
    socket.on('error', () => socket.destroy()); // a reader that breaks off is part of the game
    converse(socket, (exchange) => {
      if (requests.push(exchange.request) > KEPT_REQUESTS) requests.shift();
      return server.answer(exchange);
    });
  };
  const listener = tlsOptions
    ? tls.createServer(tlsOptions, onConnection)
    : net.createServer({ noDelay: true }, onConnection);
  listener.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listen = async (onPort: number): Promise<number> => {
    listener.listen(onPort, host);
    await once(listener, 'listening');
    return (listener.address() as net.AddressInfo).port; // no pipe: an address object
  };
  const boundPort = await listen(port);
  const server: SimulatedServer = {
    address: `${host}:${boundPort}`,
    answer,
    requests,
    get openConnections() {
      return sockets.size;
    },
    goDown: async () => {
      if (!listener.listening) return;
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    comeBack: async () => {
      if (!listener.listening) await listen(boundPort);
    },
    [Symbol.asyncDispose]: () => server.goDown(),
  };
  return server;
}

/**
 * Answers the requests of one connection one after the other.
 *
 * Reads on while it answers: only so does it notice that the reader has left.
 */
function converse(socket: net.Socket, answer: Answer): void {
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  let received = '';
  let isAnswering = false;
  const answerAll = async (): Promise<void> => {
    if (isAnswering) return;
    isAnswering = true;
    for (let end = endOfHead(received); end > 0; end = endOfHead(received)) {
      const request = parseHead(received.slice(0, end));
      received = received.slice(end);
      await answer({ request, socket, signal: gone.signal });
      if (request.headers['connection']?.toLowerCase() === 'close') socket.end();
    }
    isAnswering = false;
  };
  socket.on('data', (data: Buffer) => {
    received += data.toString('latin1');
    void answerAll(); // an answer that throws fails the test run as an unhandled rejection
  });
}

/** Where the first request's head ends, behind its blank line; 0 when it is not whole yet. */
function endOfHead(received: string): number {
  const at = received.indexOf('\r\n\r\n');
  return at < 0 ? 0 : at + 4;
}

function parseHead(head: string): SeenRequest {
  const [first = '', ...lines] = head.trimEnd().split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { method, target, headers };
}
