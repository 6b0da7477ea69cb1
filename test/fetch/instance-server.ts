/**
 * App instances for the tests of fetch: real servers on loopback, and a scraper to ask them with.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { ScrapeAnswer } from '../../src/fetch/answer.ts';
import { Scraper, type ScraperOptions } from '../../src/fetch/fan-out.ts';
import type { ScrapeRequest } from '../../src/fetch/scrape-run.ts';
import type { ScrapeTarget } from '../../src/fetch/target.ts';
import { fixedTrust } from '../../src/fetch/trust.ts';
import { eventually } from '../support/eventually.ts';

/** A server, and what it saw. Ends with all its connections. */
export interface InstanceServer extends AsyncDisposable {
  readonly address: string;
  /** How many connections it ever had. */
  readonly connected: number;
  /** Those it has now. */
  readonly open: ReadonlySet<Socket>;
}

/** Lets `server` listen on a port of its own. */
export async function listen(server: net.Server, host = '127.0.0.1'): Promise<InstanceServer> {
  const open = new Set<Socket>();
  let connected = 0;
  server.on('connection', (socket: Socket) => {
    connected++;
    open.add(socket);
    socket.on('error', () => undefined); // a client may cut it at any time
    socket.on('close', () => open.delete(socket));
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    address: `${host}:${(server.address() as AddressInfo).port}`, // listens on TCP
    get connected() {
      return connected;
    },
    open,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** An instance that speaks HTTP. */
export function serve(handler: http.RequestListener): Promise<InstanceServer> {
  return listen(http.createServer(handler));
}

/** An instance that answers each request on a connection with `bytes`, then does `then`. */
export function serveRaw(
  bytes: string | Buffer,
  then: (socket: Socket) => void = () => undefined,
): Promise<InstanceServer> {
  return listen(
    net.createServer((socket) => {
      socket.on('data', () => socket.write(bytes, 'latin1', () => then(socket)));
    }),
  );
}

/**
 * An address whose connections are never taken: the program that listens is stopped, and the
 * system's queue for it is full. (Addresses that swallow all packets are not to be had offline.)
 */
export async function serveNobody(): Promise<AsyncDisposable & { readonly address: string }> {
  const code = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
    function () { console.log(this.address().port); })`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const port = Number(line);
  child.kill('SIGSTOP');
  const filling = Array.from({ length: 8 }, () => net.connect({ port, host: '127.0.0.1' }));
  for (const socket of filling) socket.on('error', () => undefined); // reset at the end
  await until(() => filling.filter((socket) => !socket.connecting).length >= 2, 'the queue fills');
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      for (const socket of filling) socket.destroy();
      await exited;
    },
  };
}

/** A port at which nothing listens. */
export async function closedAddress(): Promise<string> {
  await using server = await listen(net.createServer());
  return server.address;
}

export function target(address: string, more: Partial<ScrapeTarget> = {}): ScrapeTarget {
  return {
    instance: {
      endpoint: {
        address,
        tls: more.tls ?? false,
        protocol: 'http1',
        serverCertDomainSan: '',
        privateInstanceId: '',
        availabilityZone: '',
        isolationSegment: '',
        routeServiceUrl: '',
        ttlSeconds: 120,
        tags: {},
      },
      host: 'app.example.com',
      app: {
        organizationId: '',
        spaceId: '',
        appId: '',
        organizationName: '',
        spaceName: '',
        appName: '',
      },
      index: '0',
      processType: 'web',
      processInstanceId: '',
    },
    exporter: undefined,
    address,
    tls: false,
    serverName: '',
    trust: 'instances',
    http2: false,
    host: 'app.example.com',
    path: '/metrics',
    headers: [],
    timeoutMs: undefined,
    oneOfSeveral: false,
    space: 'space',
    app: 'app',
    ...more,
  };
}

export function openScraper(options: Partial<ScraperOptions> = {}): Scraper {
  const nobody = fixedTrust({ ca: [] });
  return new Scraper({
    concurrency: 512,
    perApp: 128,
    maxBodyBytes: 16 * 2 ** 20,
    maxBytes: 256 * 2 ** 20,
    plainCredentials: true,
    trust: { instances: nobody, system: nobody },
    ...options,
  });
}

/** Asks all `targets`, and gives their bytes back at once. */
export async function scrape(
  scraper: Scraper,
  targets: readonly ScrapeTarget[],
  request: Partial<ScrapeRequest> = {},
): Promise<ScrapeAnswer[]> {
  using lease = scraper.lease();
  return await scraper.scrape({
    targets,
    headers: { instances: ['Accept', 'text/plain'], exporters: [] },
    deadlineMs: performance.now() + 20_000,
    signal: new AbortController().signal,
    lease,
    ...request,
  });
}

/** Asks one address, and says in short what came: the text of the page, or the failure. */
export async function ask(
  scraper: Scraper,
  address: string,
  more: Partial<ScrapeTarget> = {},
): Promise<string> {
  const [answer] = await scrape(scraper, [target(address, more)]);
  return brief(answer);
}

export function brief(answer: ScrapeAnswer | undefined): string {
  if (!answer) return 'no answer';
  if (answer.page) return answer.page.body.toString('latin1');
  return answer.status === undefined ? answer.failure : `${answer.failure} (${answer.status})`;
}

/** Waits until `condition` holds; fails if it never does. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  await eventually(what, () => condition() || undefined, { pauseMs: 2 });
}
