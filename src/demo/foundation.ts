/**
 * A simulated Cloud Foundry on loopback: apps whose instances serve metrics, and a gorouter that
 * lists their addresses.
 */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPage } from './page.ts';

interface SimulatedApp {
  readonly guid: string;
  readonly org: string;
  readonly space: string;
  readonly name: string;
  readonly route: string;
}

export interface Foundation extends AsyncDisposable {
  /** The URL of gorouter's listing; it needs basic auth with the credential below. */
  readonly routesUrl: string;
  readonly username: string;
  readonly password: string;
  readonly apps: readonly SimulatedApp[];
  /** `host:port` of one instance, which is also an exporter that needs no route. */
  readonly exporter: string;
}

export interface FoundationOptions {
  /** Seconds since 1970. */
  readonly now: () => number;
  /** Returns numbers from 0 (inclusive) to 1 (exclusive). */
  readonly chance: () => number;
}

const APPS: readonly SimulatedApp[] = [
  {
    guid: '1fa0b1f3-6d3c-4c58-9d4f-2c1a7be1c0de',
    org: 'demo',
    space: 'prod',
    name: 'shop',
    route: 'shop.apps.example.com',
  },
  {
    guid: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
    org: 'demo',
    space: 'prod',
    name: 'mailer',
    route: 'mailer.apps.example.com',
  },
];
const INSTANCES = 3;
/** One instance fails, to show that promgate still returns the others. */
const FAILING = { app: 'mailer', index: 2 };

const USERNAME = 'router-status';
const PASSWORD = 'demo';

export async function startFoundation({ now, chance }: FoundationOptions): Promise<Foundation> {
  await using servers = new AsyncDisposableStack();
  const table: Record<string, object[]> = {};
  const addresses: string[] = [];
  for (const app of APPS) {
    table[app.route] = [];
    for (let index = 0; index < INSTANCES; index += 1) {
      const fails = app.name === FAILING.app && index === FAILING.index;
      const page = createPage(app.name, Math.floor(now()), chance);
      const server = await listen((request, response) => {
        const found = request.url === '/metrics';
        response.statusCode = fails ? 500 : found ? 200 : 404;
        response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
        response.end(response.statusCode === 200 ? page.print(now()) : 'no metrics here\n');
      });
      servers.use(server);
      addresses.push(server.address);
      table[app.route]!.push(endpoint(app, index, server.address));
    }
  }
  const credential = `Basic ${Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64')}`;
  const gorouter = await listen((request, response) => {
    const admitted = request.headers.authorization === credential;
    response.statusCode = admitted ? 200 : 401;
    response.setHeader('Content-Type', 'application/json');
    response.end(admitted ? JSON.stringify(table) : '{}');
  });
  servers.use(gorouter);
  const stop = servers.move();
  return {
    routesUrl: `http://${gorouter.address}/routes`,
    username: USERNAME,
    password: PASSWORD,
    apps: APPS,
    exporter: addresses[0]!, // there are instances
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

/** An endpoint in the form of gorouter's listing. */
function endpoint(app: SimulatedApp, index: number, address: string): object {
  return {
    address,
    availability_zone: `z${(index % 2) + 1}`,
    protocol: 'http1',
    tls: false,
    ttl: 120,
    private_instance_id: `${app.name}-${index}`,
    tags: {
      app_id: app.guid,
      app_name: app.name,
      component: 'route-emitter',
      instance_id: String(index),
      organization_id: '3c8b7a4e-0d2f-4f5e-8a57-9a8f1c6d2b10',
      organization_name: app.org,
      process_id: app.guid,
      process_instance_id: `${app.guid.slice(0, 23)}-${app.name}-${index}`,
      process_type: 'web',
      source_id: app.guid,
      space_id: '9d3f6f0e-54a1-4c9c-b0a4-5f6b7f1f2a77',
      space_name: app.space,
    },
  };
}

interface Listening extends AsyncDisposable {
  readonly address: string;
}

async function listen(handle: RequestListener): Promise<Listening> {
  const server = createServer(handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo; // not a pipe, since it listens on a port
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
