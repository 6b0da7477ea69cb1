/**
 * promgate with nothing but the CF API as a source, before a small simulated foundation.
 */
import { type CfApi, startCfApi } from '../cf-api/api.ts';
import type { World, WorldApp } from '../cf-api/world.ts';
import { eventually } from '../eventually.ts';
import { IdentityChain } from '../identity-chain.ts';
import { type Promgate, startPromgate } from '../promgate.ts';
import { type Cells, startCells } from './cells.ts';
import { type Containers, startContainers } from './containers.ts';
import { type Front, startFront } from './front.ts';
import { type IdentityOptions, type Router, startRouter } from './router.ts';

export interface WaysScene extends AsyncDisposable {
  readonly api: CfApi;
  readonly world: World;
  /** `acme/dev/shop`, of two instances. */
  readonly app: WorldApp;
  readonly cells: Cells;
  readonly containers: Containers;
  readonly chain: IdentityChain;
  readonly router: Router;
  readonly front: Front | undefined;
  /** The router of identity-aware routes, and the apps that may ask it. */
  readonly identityRouter: Router;
  readonly policies: Set<string>;
  readonly promgate: Promgate;
  /** The page of the app. */
  page(): Promise<string>;
}

export interface WaysSceneOptions {
  /** Maps routes and declares endpoints. */
  readonly prepare?: (world: World, app: WorldApp) => void;
  /**
   * The section `scrape`. In its values `ROUTER` and `IDENTITY` are the URLs of the routers, `AUTHORITIES`
   * the file of the authorities of identities, and `FOLDER` that of all certificates.
   */
  readonly scrape?: Readonly<Record<string, unknown>>;
  readonly values?: Readonly<Record<string, unknown>>;
  /** Further variables of promgate's container. */
  readonly environment?: (chain: IdentityChain) => Readonly<Record<string, string>>;
  /** Issues further certificates, before promgate starts. */
  readonly chain?: (chain: IdentityChain) => void;
  /** Whether the router heeds `X-CF-PROCESS-INSTANCE`. Default true. */
  readonly knowsProcesses?: boolean;
  /** Whether the API and the routes are behind one port with TLS, as on most platforms. */
  readonly behindFront?: boolean;
  /** Whether the app has the route `shop.apps.example.com`. Default true. */
  readonly route?: boolean;
}

const CLIENT = { client_id: 'promgate', client_secret: 'secret' };
/** promgate's own app. */
export const OWN_APP = '0f5d3f64-8a52-4a5e-9c9e-1d0c2f4b6a11';

export async function startWaysScene(options: WaysSceneOptions = {}): Promise<WaysScene> {
  const { prepare, scrape = {}, values = {}, environment = () => ({}), route = true } = options;
  await using parts = new AsyncDisposableStack();
  const chain = parts.use(new IdentityChain());
  options.chain?.(chain);
  const api = parts.use(await startCfApi());
  api.uaa.clients.set(CLIENT.client_id, {
    ...{ secret: CLIENT.client_secret, scopes: ['cloud_controller.global_auditor'], spaces: [] },
  });
  const { world } = api;
  const app = world.push({ name: 'shop', space: world.space('acme', 'dev'), instances: 2, route });
  prepare?.(world, app);
  const cells = parts.use(await startCells());
  cells.follow(world);
  const containers = parts.use(await startContainers(world, cells, chain));
  const router = parts.use(await startRouter(world, cells));
  router.knowsProcesses = options.knowsProcesses ?? true;
  const front = options.behindFront
    ? parts.use(await startFront({ api: api.url, router }, chain))
    : undefined;
  const policies = new Set<string>();
  const identityRouter = parts.use(
    await startRouter(world, cells, identityOptions(chain, policies)),
  );
  const placed = JSON.parse(
    JSON.stringify(scrape)
      .replaceAll('ROUTER', router.url)
      .replaceAll('IDENTITY', identityRouter.url)
      .replaceAll('AUTHORITIES', chain.authorities)
      .replaceAll('FOLDER', chain.folder),
  );
  const place = front ? { url: front.url, tls: { ca: chain.path('root.crt') } } : { url: api.url };
  const promgate = parts.use(
    await startPromgate({
      apps: [],
      lookup: containers.lookup,
      values: {
        routes: { cf_api: { ...place, ...CLIENT, interval: '5s', requests_per_minute: 600 } },
        scrape: placed,
        ...values,
      },
      environment: {
        VCAP_APPLICATION: JSON.stringify({
          ...{ application_id: OWN_APP, application_name: 'promgate' },
          ...{ organization_name: 'platform', space_name: 'monitoring' },
        }),
        ...environment(chain),
      },
    }),
  );
  const page = (): Promise<string> => promgate.text('/v1/apps/acme/dev/shop/metrics');
  await eventually('the app to be known', async () => {
    return (await promgate.text('/sd/apps')).includes(app.guid) || undefined;
  });
  const owned = parts.move();
  return {
    ...{ api, world, app, cells, containers, chain, router, identityRouter, policies, promgate },
    front,
    page,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function identityOptions(chain: IdentityChain, policies: Set<string>): IdentityOptions {
  chain.issued('identity-router', {
    by: 'root',
    extensions: ['subjectAltName=DNS:*.apps.identity', 'extendedKeyUsage=serverAuth'],
  });
  const ca = chain.pem('identity-ca') + chain.pem('root');
  return { cert: chain.pem('identity-router'), key: chain.key('identity-router'), ca, policies };
}
