import assert from 'node:assert/strict';
import { Problem } from '../../src/serve/errors.ts';
import type { Scope } from '../../src/serve/scope.ts';
import { type PushServerOptions, servePush } from './push-server.ts';

const METRICS = 'm{app="mine"} 1\n';

function as(scope: Scope): PushServerOptions {
  return {
    admit: (ctx, next) => {
      ctx.state.scope = scope;
      return next();
    },
  };
}

const TENANT: Scope = { pushes: { tenant: 'app:1', labels: [['app', 'theirs']] } };

describe('admission of pushes', () => {
  it('gives each tenant its own labels, which the body cannot change', async () => {
    await using gate = await servePush(as(TENANT));

    await gate.send('POST', '', METRICS);

    assert.deepEqual(gate.lines('app:1'), ['m{app="theirs",exported_app="mine"} 1']);
    assert.deepEqual(gate.lines(''), []);
  });

  it('deletes only what the tenant has pushed', async () => {
    await using gate = await servePush(as(TENANT));
    await gate.send('POST', '', METRICS);
    await gate.ledger.push({
      ...{ tenant: '', forced: [], path: [], replaces: 'families', id: undefined },
      rules: {
        mode: 'aggregate',
        temporality: undefined,
        source: '',
        gaugeMode: undefined,
        ttlMs: undefined,
      },
      page: {
        families: [
          {
            name: 'm',
            type: 'gauge',
            help: '',
            unit: '',
            gaugeMode: undefined,
            metrics: [{ labels: [], bounds: [], at: 0, line: 0 }],
          },
        ],
        values: Float64Array.of(7),
        timestamps: 0,
      },
    });

    await gate.send('DELETE', '/__all');

    assert.deepEqual(gate.lines(), ['m 7']);
  });

  it('refuses a token that reads the pages of apps', async () => {
    await using gate = await servePush(as({ appId: 'a', spaceId: 's' }));

    const answer = await gate.send('POST', '', METRICS);

    assert.equal(answer.status, 403);
    assert.match(answer.text, /bind a service of the push plan/);
  });

  it('lets only operators wipe everything, and only if the configuration allows it', async () => {
    await using off = await servePush();
    await using on = await servePush({ adminApi: true });
    await using tenant = await servePush({ ...as(TENANT), adminApi: true });
    await on.send('POST', '', METRICS);
    const wipe = async (url: string) => fetch(`${url}/push/api/v1/admin/wipe`, { method: 'PUT' });

    assert.equal((await wipe(off.url)).status, 404);
    assert.equal((await wipe(tenant.url)).status, 403);
    assert.equal((await wipe(on.url)).status, 202);
    assert.deepEqual(on.lines(), []);
  });

  it('tells a browser without a credential that it may ask', async () => {
    const admit: PushServerOptions['admit'] = () => {
      throw new Problem('unauthorized', 'send a token');
    };
    await using gate = await servePush({ admit });
    const ask = (method: string) => fetch(`${gate.url}/push/api/v1/status`, { method });

    const [options, get] = [await ask('OPTIONS'), await ask('GET')];

    assert.deepEqual([options.status, get.status], [200, 401]);
    assert.equal(options.headers.get('Access-Control-Allow-Origin'), '*');
    assert.equal((await gate.send('OPTIONS', '/job/a')).status, 405);
  });

  it('takes pushes without a token from this machine only', async () => {
    await using gate = await servePush({ isOpen: true, clock: () => 0 });
    const forwarded = { 'X-Forwarded-For': '10.0.0.1' };

    const local = await gate.send('POST', '', METRICS);
    const remote = await gate.send('POST', '', METRICS, forwarded);
    const count = await gate.send('PATCH', '/m', '1', forwarded);
    const removal = await gate.send('DELETE', '/m', undefined, forwarded);

    assert.equal(local.status, 200);
    assert.deepEqual([remote.status, count.status, removal.status], [403, 403, 403]);
    assert.match(remote.text, /set push.open/);
  });

  it('takes the word of trusted proxies for where a push comes from', async () => {
    await using gate = await servePush({ isOpen: true, trustedProxies: ['127.0.0.1'] });

    const local = await gate.send('POST', '', METRICS, { 'X-Forwarded-For': '::1' });
    const remote = await gate.send('POST', '', METRICS, { 'X-Forwarded-For': '10.0.0.1' });

    assert.deepEqual([local.status, remote.status], [200, 403]);
  });
});
