/** The way internal: promgate asks containers by internal routes, where a network policy lets it. */
import assert from 'node:assert/strict';
import { startWaysScene, type WaysSceneOptions } from '../support/foundation/ways-scene.ts';
import { SLOW_MS } from '../support/limits.ts';

const internal = (more: WaysSceneOptions = {}) =>
  startWaysScene({
    route: false,
    ...more,
    prepare: (world, app) => {
      world.map(app, { host: 'shop', domain: world.internalDomain });
      more.prepare?.(world, app);
    },
  });

const PORTS = /^foundation_port\{.*\} (\d+)$/gm;
const portsOf = (page: string): (string | undefined)[] =>
  [...page.matchAll(PORTS)].map(([, port]) => port);

interface Overview {
  readonly figures: { readonly promgate_way_attempts_total: readonly Figure[] };
}

interface Figure {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const isInternalPage = ({ labels: { via, result } }: Figure): boolean =>
  via === 'internal' && result === 'page';

describe('the way internal', function () {
  this.timeout(SLOW_MS);

  it('asks each container at port 8080 by the name of its index', async () => {
    await using scene = await internal();
    await scene.containers.allow(scene.app, 8080);

    const page = await scene.page();

    assert.deepEqual(portsOf(page), ['8080', '8080']);
    const { figures } = JSON.parse(await scene.promgate.text('/status/overview')) as Overview;
    assert.deepEqual(figures.promgate_way_attempts_total.find(isInternalPage)?.value, 2);
    for (const index of [0, 1]) {
      const own = new RegExp(
        `^foundation_identity\\{.*index="${index}".*own_index="${index}"`,
        'm',
      );
      assert.match(page, own);
      assert.match(
        page,
        new RegExp(`^promgate_instance_scrape_via.*index="${index}".*via="internal"`, 'm'),
      );
    }
  });

  it('names the network policy with the names of both apps and the port, where there is none', async () => {
    await using scene = await internal();
    const { promgate, app } = scene;
    const command = (port: number): string =>
      `run: cf add-network-policy promgate shop -s dev -o acme --protocol tcp --port ${port}`;

    const page = await scene.page();

    assert.match(page, /promfetcher_scrape_error\{.*error="refused"\} 1/);
    const answer = await promgate.get(`/v1/apps/${app.guid}/instances/0/metrics`);
    const { detail } = (await answer.json()) as { readonly detail: string };
    assert.ok(detail.endsWith(`: refused; ${command(8080)}`), detail);
    const status = await promgate.text(`/status/apps/${app.guid}`);
    assert.ok(status.includes(JSON.stringify(command(8080))), status);
    const line = promgate.log.find(({ fields }) => fields['failure'] === 'refused');
    assert.equal(line?.fields['advice'], command(8080));
  });

  it('asks at port 61443 with internal_tls, and verifies the internal host', async () => {
    await using scene = await internal({
      scrape: { internal_tls: true, tls: { ca: 'AUTHORITIES' } },
    });
    await scene.containers.allow(scene.app, 8080);
    assert.match(await scene.page(), /error="refused"/); // plain is no way out

    await scene.containers.allow(scene.app, 61_443);

    assert.deepEqual(portsOf(await scene.page()), ['61443', '61443']);
  });

  it('trusts no container whose certificate names another internal host', async () => {
    await using scene = await internal({
      scrape: { internal_tls: true, tls: { ca: 'AUTHORITIES' } },
    });
    const { world, app, containers } = scene;
    const [own] = world.routes.filter(({ domain }) => domain.internal);
    assert.ok(own);
    world.routes = []; // the certificates are made without the host
    await containers.allow(app, 61_443);
    world.routes = [own];

    const page = await scene.page();

    assert.match(page, /promfetcher_scrape_error\{.*error="tls-identity"\} 1/);
    assert.deepEqual(containers.requests, []);
  });

  it('asks a declared port of the container, and none but that', async () => {
    await using scene = await internal({
      prepare: (_, app) => {
        app.annotations['prometheus.io/port'] = '9090';
        app.annotations['prometheus.io/path'] = '/own';
      },
    });
    for (const port of [8080, 9090]) await scene.containers.allow(scene.app, port);

    const page = await scene.page();

    assert.deepEqual(portsOf(page), ['9090', '9090']);
    assert.deepEqual(scene.containers.requests.toSorted(), [
      ...['GET shop.apps.internal:9090/own', 'GET shop.apps.internal:9090/own'],
    ]);
  });

  it('says what to do where no way leads to the declared port', async () => {
    await using scene = await startWaysScene({
      scrape: { router: 'ROUTER' },
      prepare: (world, app) => {
        world.register('secure-endpoint://:9090/secure', app);
      },
    });

    const page = await scene.page();

    assert.match(page, /promfetcher_scrape_error\{.*error="port-unreachable"\} 1/);
    const routed = scene.router.pinned;
    assert.deepEqual([routed.app, routed.process], [0, 1]); // only the question whether it heeds processes
  });

  it('takes a route whose destination is the declared port', async () => {
    await using scene = await startWaysScene({
      scrape: { router: 'ROUTER' },
      prepare: (world, app) => {
        world.map(app, { host: 'shop-metrics', appPort: 9090 });
        world.register('metrics-endpoint://shop-metrics.apps.example.com/metrics', app);
        app.annotations['prometheus.io/port'] = '9090';
      },
    });

    const page = await scene.page();

    assert.match(page, /^promgate_instance_up\{.*index="0",.*\} 1$/m);
    assert.equal(page.match(/^promgate_instance_up\{.*\} 1$/gm)?.length, 4);
  });
});
