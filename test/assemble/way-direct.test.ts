/** The way direct to a container port: by the cell's TLS port of the process stats, as gorouter goes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { WorldInstance } from '../support/cf-api/world.ts';
import { startWaysScene, type WaysScene } from '../support/foundation/ways-scene.ts';
import { SLOW_MS } from '../support/limits.ts';

const PORT = 9090;

/** A cell's proxy: it proves that it is the instance, and takes gorouter's certificate only. */
async function startProxy({ chain }: WaysScene, instance: WorldInstance): Promise<Server> {
  chain.named(instance.guid, instance.guid, 'identity-ca');
  const server = createServer(
    {
      cert: chain.pem(instance.guid) + chain.pem('identity-ca'),
      ...{ key: chain.key(instance.guid), ca: chain.pem('gorouter-ca') },
      ...{ requestCert: true, rejectUnauthorized: true },
    },
    (request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4' });
      response.end(`proxied{own="${instance.guid}",path="${request.url}"} 1\n`);
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  instance.cell = '127.0.0.1';
  instance.tlsPorts.set(PORT, (server.address() as AddressInfo).port); // as always for a port
  return server;
}

/** The app declares a container port to which no route leads. */
async function startScene(scrape: object) {
  await using parts = new AsyncDisposableStack();
  const scene = parts.use(
    await startWaysScene({
      scrape: { ...scrape, router: 'ROUTER' },
      chain: (chain) => {
        chain.authority('gorouter-ca');
        chain.named('gorouter', 'gorouter.service.cf.internal', 'gorouter-ca');
      },
      prepare: (world, app) => {
        app.annotations['prometheus.io/port'] = String(PORT);
        for (const { tlsPorts } of world.web(app).instances) tlsPorts.set(PORT, 1);
      },
    }),
  );
  for (const instance of scene.world.web(scene.app).instances) {
    const server = await startProxy(scene, instance);
    parts.defer(() => {
      server.closeAllConnections();
      server.close();
    });
  }
  const owned = parts.move();
  return { ...scene, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe('the way direct to a container port', function () {
  this.timeout(SLOW_MS);

  it("goes to the cell's TLS port that leads there, and asks for the stats once", async () => {
    const tls = { ca: 'AUTHORITIES', cert: 'FOLDER/gorouter.crt', key: 'FOLDER/gorouter.key' };
    await using scene = await startScene({ tls });
    const { world, app, api } = scene;

    const page = await scene.page();
    await scene.page();

    for (const [index, { guid }] of world.web(app).instances.entries()) {
      assert.match(page, new RegExp(`^proxied\\{.*index="${index}".*own="${guid}"`, 'm'));
    }
    assert.match(page, /^promgate_instance_scrape_via\{.*via="direct"\} 1$/m);
    assert.equal(api.requests.filter((one) => one.endsWith('/stats')).length, 1);
  });

  it("says what to configure where promgate has not gorouter's certificate", async () => {
    await using scene = await startScene({ via: 'direct', tls: { ca: 'AUTHORITIES' } });

    const page = await scene.page();

    assert.match(page, /promfetcher_scrape_error\{.*error="tls-client"\} 1/);
    const line = scene.promgate.log.find(({ fields }) => fields['failure'] === 'tls-client');
    assert.match(String(line?.fields['advice']), /scrape\.tls\.cert/);
  });

  it('asks for no stats where no cell would take the request', async () => {
    await using scene = await startScene({});

    const page = await scene.page();

    assert.match(page, /promfetcher_scrape_error\{.*error="port-unreachable"\} 1/);
    assert.equal(scene.api.requests.filter((one) => one.endsWith('/stats')).length, 0);
  });
});
