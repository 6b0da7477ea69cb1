/** The simulated foundation shows apps as gorouter does. */
import assert from 'node:assert/strict';
import { page, status } from './answers.ts';
import type { SimulatedApp } from './foundation.ts';
import { halved, routesJson } from './foundation.ts';
import { startGorouter } from './gorouter.ts';

const SHOP: SimulatedApp = {
  organization: 'acme',
  space: 'dev',
  name: 'shop',
  routes: ['shop.example.com', 'example.com/shop'],
  addresses: ['127.1.0.1:8080', '127.1.0.2:8080'],
};

describe('simulated foundation', () => {
  it('lists every instance under every route, tagged', () => {
    const routes = routesJson([SHOP, { ...SHOP, processType: 'worker', tls: true }]);

    assert.deepEqual(Object.keys(routes), ['shop.example.com', 'example.com/shop']);
    const [web, , worker] = routes['example.com/shop']!;
    assert.equal(web?.tags['process_id'], web?.tags['app_id']);
    assert.equal(web?.tags['instance_id'], '0');
    assert.notEqual(worker?.tags['process_id'], web?.tags['process_id']);
    assert.equal(worker?.server_cert_domain_san, worker?.tags['process_instance_id']);
    assert.equal(halved(routes)['shop.example.com']?.length, 2);
  });

  it('is served by a gorouter that wants credentials and can fail', async () => {
    const routes = routesJson([SHOP]);
    await using gorouter = await startGorouter(routes);
    const credentials = `${gorouter.username}:${gorouter.password}`;
    const headers = { Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };

    assert.equal((await fetch(gorouter.url)).status, 401);
    assert.deepEqual(await (await fetch(gorouter.url, { headers })).json(), routes);
    gorouter.fault = status(500);
    assert.equal((await fetch(gorouter.url, { headers })).status, 500);
    gorouter.fault = page('{"half');
    assert.equal(await (await fetch(gorouter.url, { headers })).text(), '{"half');
    await gorouter.goDown();
    await assert.rejects(fetch(gorouter.url, { headers }));
    gorouter.fault = undefined;
    await gorouter.comeBack();
    assert.equal((await fetch(gorouter.url, { headers })).status, 200);
    assert.equal(gorouter.polls.length, 5);
  });
});
