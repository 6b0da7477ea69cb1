/**
 * A simulated Cloud Foundry on loopback: apps whose instances serve metrics, and a gorouter that
 * lists their addresses.
 */
import { createHash } from 'node:crypto';
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
  app('1fa0b1f3-6d3c-4c58-9d4f-2c1a7be1c0de', 'demo/prod/shop'),
  app('7c9e6679-7425-40de-944b-e07fc1f90ae7', 'demo/prod/mailer'),
  app('0b9f1f7e-7a3c-4a55-8a0e-3b1d1f0c5a11', 'demo/staging/shop', 'shop-staging'),
  app('5d2c8a40-19be-4f3b-b1c7-6f0a9e2d7b22', 'payments/prod/ledger'),
  app('e81a3b6c-52d4-4c0e-9f7d-1c4b8a6e9d33', 'payments/prod/invoices'),
  app('a4f60d92-8c1b-4e7a-86d3-7b5e0c2f1a44', 'research/lab/forecaster'),
  app('c3b7e5d1-0f6a-4b9c-a2e8-9d4f6b8c0e55', 'research/lab/notebook'),
];
const INSTANCES = 3;

type Fault = 'failing' | 'login' | 'broken';

/** Some instances fail, each in its own way, to show that promgate still returns the others. */
const FAULTS: Readonly<Record<string, Fault>> = {
  'mailer.apps.example.com 2': 'failing',
  'forecaster.apps.example.com 0': 'broken',
  'notebook.apps.example.com 0': 'login',
  'notebook.apps.example.com 1': 'login',
  'notebook.apps.example.com 2': 'login',
};

/** Where a page should be; the second is no exposition. */
const BAD_PAGES: Readonly<Record<Fault, string>> = {
  failing: 'no metrics here\n',
  broken: 'forecasts_total{model="a} 1\n',
  login: '<!doctype html><title>Sign in</title><form><input name="password"></form>\n',
};

const USERNAME = 'router-status';
const PASSWORD = 'demo';

export async function startFoundation({ now, chance }: FoundationOptions): Promise<Foundation> {
  await using servers = new AsyncDisposableStack();
  const table: Record<string, object[]> = {};
  const addresses: string[] = [];
  for (const app of APPS) {
    table[app.route] = [];
    for (let index = 0; index < INSTANCES; index += 1) {
      const fault = FAULTS[`${app.route} ${index}`];
      const page = createPage(app.name, Math.floor(now()), chance);
      const server = await listen((request, response) => {
        const found = request.url === '/metrics';
        response.statusCode = fault === 'failing' ? 500 : found ? 200 : 404;
        const type = fault === 'login' ? 'text/html' : 'text/plain; version=0.0.4; charset=utf-8';
        response.setHeader('Content-Type', type);
        const isPage = found && fault === undefined;
        response.end(isPage ? page.print(now()) : BAD_PAGES[fault ?? 'failing']);
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
      organization_id: guidOf(app.org),
      organization_name: app.org,
      process_id: app.guid,
      process_instance_id: `${app.guid.slice(0, 23)}-${app.route.split('.')[0]}-${index}`,
      process_type: 'web',
      source_id: app.guid,
      space_id: guidOf(`${app.org}/${app.space}`),
      space_name: app.space,
    },
  };
}

/** @param path - organization, space and name */
function app(guid: string, path: string, host?: string): SimulatedApp {
  const [org = '', space = '', name = ''] = path.split('/');
  return { guid, org, space, name, route: `${host ?? name}.apps.example.com` };
}

/** The guids that the documentation names. */
const GUIDS: Readonly<Record<string, string>> = {
  demo: '3c8b7a4e-0d2f-4f5e-8a57-9a8f1c6d2b10',
  'demo/prod': '9d3f6f0e-54a1-4c9c-b0a4-5f6b7f1f2a77',
};

/** The same name has the same guid in every run. */
function guidOf(name: string): string {
  const known = GUIDS[name];
  if (known !== undefined) return known;
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
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
