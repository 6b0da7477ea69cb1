/** Whatever the table holds, a credential shows nothing of what lies outside its scope. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TokenScope } from '../../broker/known-bindings.ts';
import type { Endpoint } from '../../src/discover/instance.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import { APPS_PATH, INSTANCE_PATH } from '../../src/serve/app-paths.ts';
import { UNBOUND } from '../../src/serve/app-settings.ts';
import { type AppsOptions, apps, oneInstance } from '../../src/serve/apps.ts';
import { requireCredential } from '../../src/serve/auth.ts';
import { answerAsPromfetcher } from '../../src/serve/promfetcher-errors.ts';
import { routes } from '../../src/serve/routes.ts';
import { sees } from '../../src/serve/scope.ts';
import { serviceDiscovery } from '../../src/serve/service-discovery.ts';
import { openScraper } from '../fetch/instance-server.ts';
import { page } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import { serveFrame } from './frame-server.ts';
import { endpoint } from './instances.ts';
import { openPages } from './open-pages.ts';

const SPACES = ['space-a', 'space-b'];
const APPS = [0, 1, 2, 3].map((at) => `0000000${at}-0000-4000-8000-000000000000`);
const NAMES = ['shop', 'cart'];
const ROUTES = ['shop.example.com', 'shop.example.com/api', '*.example.com', 'cart.example.com'];

interface Entry {
  readonly route: string;
  readonly at: number;
  readonly app: number;
  /** The endpoint has guids. */
  readonly named: boolean;
  readonly appName: string;
  readonly spaceName: string;
}

/** An endpoint under a route. Apps keep their space; routes are shared, and names are any. */
const entry: fc.Arbitrary<Entry> = fc.record({
  route: fc.constantFrom(...ROUTES),
  at: fc.nat(3),
  app: fc.nat(APPS.length - 1),
  named: fc.boolean(),
  appName: fc.constantFrom(...NAMES),
  spaceName: fc.constantFrom(...NAMES),
});
const scope = fc.record({
  appId: fc.option(fc.constantFrom(...APPS), { nil: undefined }),
  spaceId: fc.constantFrom(...SPACES, ''),
});

function endpointOf(
  addresses: readonly string[],
  { at, app, named, appName, spaceName }: Entry,
): Endpoint {
  return endpoint(addresses[at]!, {
    organization_name: 'acme',
    space_name: spaceName,
    app_name: appName,
    instance_id: String(at),
    process_type: 'web',
    ...(named && { app_id: APPS[app]!, space_id: SPACES[app % 2]! }),
  });
}

/** Everything that a reader may ask for. */
const ASKED = [
  ...APPS.map((id) => `/v1/apps/${id}/metrics`),
  ...APPS.map((id) => `/v2/apps/${id}/instances/0/metrics`),
  ...NAMES.flatMap((space) => NAMES.map((app) => `/v1/apps/acme/${space}/${app}/metrics`)),
  ...ROUTES.map((route) => `/v1/apps/metrics?route_url=${route}`),
  '/v1/apps/other.example.com/metrics',
  '/routes',
  '/sd/apps',
  '/sd/apps?per=instance',
];

describe('a credential', () => {
  it('shows no instance outside its scope, by guid, name, route or list', async () => {
    await using instances = await startAppInstances([0, 1, 2, 3].map(() => page('up 1\n')));
    await using scraper = openScraper();
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 12 }), scope, async (entries, held) => {
        await using site = await serve(entries, held);
        for (const path of ASKED) {
          const answer = await fetch(site.url + path, { headers: { Authorization: 'Bearer t' } });
          const text = await answer.text();
          assertWithin(held, text, path);
          if (path.startsWith('/v1')) assertAnswered(answer.status, { path, held, text });
        }
      }),
      { numRuns: 60 },
    );

    function serve(entries: readonly Entry[], held: TokenScope) {
      const table = new RouteTable();
      const layer = table.layer();
      for (const one of entries) layer.put(one.route, endpointOf(instances.addresses, one));
      const options: AppsOptions = {
        ...{ table, exporters: [], id: 'promgate', pages: openPages(scraper) },
        tableKnown: () => true,
        settingsOf: () => UNBOUND,
        timeoutMs: 10_000,
        maxTimeoutMs: 10_000,
        authorizationOf: 'promgate',
      };
      const { tableKnown, settingsOf } = options;
      return serveFrame({
        routes: [
          { name: 'instance', path: INSTANCE_PATH, handle: oneInstance(options) },
          { name: 'apps', path: APPS_PATH, handle: apps(options) },
          { name: 'routes', path: '/routes', handle: routes(table) },
          {
            name: 'sd',
            path: '/sd/apps',
            handle: serviceDiscovery({ table, tableKnown, settingsOf }),
          },
        ],
        errors: answerAsPromfetcher,
        admit: requireCredential({
          mode: 'token',
          operators: [],
          tokens: { scopeOf: async () => held },
        }),
      });
    }
  });
});

/** Guids of apps and spaces in an answer, in whatever form it prints them. */
function assertWithin(held: TokenScope, text: string, path: string): void {
  for (const appId of APPS) {
    const shown = text.includes(`"${appId}"`) || text.includes(`/apps/${appId}/metrics"`);
    const spaceId = SPACES[APPS.indexOf(appId) % 2]!;
    assert.ok(!shown || sees(held, { appId, spaceId }), `${path} shows ${appId}: ${text}`);
  }
  if (path.startsWith('/v1')) {
    const lines = text.split('\n').filter((line) => line.startsWith('up{'));
    for (const line of lines) assert.match(line, /app_id="/, 'an instance without guids');
  }
}

interface Answered {
  readonly path: string;
  readonly held: TokenScope;
  readonly text: string;
}

/** What is not visible is as what does not exist. */
function assertAnswered(status: number, { path, text }: Answered): void {
  assert.ok(status === 200 || status === 404, `${path}: ${status} ${text}`);
  if (status === 404) assert.match(text, /^404 Cannot found app with id or path /);
}
