/** The push gateway in the whole program: who may push, what each may read, and where. */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { type Promgate, startPromgate } from '../support/promgate.ts';

const SERVICE = '75bcebab-cc25-4ef6-89dc-a91b953919f1';
const IDS = { service_id: SERVICE, plan_id: '13d6b8f7-6643-4524-94e5-74029a36cf56' };
const COUNTER = '# TYPE jobs_total counter\njobs_total 2\n';

const OPERATOR = `Basic ${Buffer.from('ops:open-sesame').toString('base64')}`;
const VALUES = {
  broker: BROKER,
  database: { url: 'sqlite::memory:' },
  auth: { mode: 'both', operators: [{ username: 'ops', password: 'open-sesame' }] },
};

interface Sent {
  readonly status: number;
  readonly text: string;
}

async function send(
  url: string,
  method: string,
  authorization?: string,
  body?: string,
): Promise<Sent> {
  const answer = await fetch(url, {
    method,
    ...(body !== undefined && { body }),
    ...(authorization !== undefined && { headers: { Authorization: authorization } }),
  });
  return { status: answer.status, text: await answer.text() };
}

/** @returns the credential of a binding of the plan push */
async function bind(platform: Platform, app: string): Promise<string> {
  const place = { organization_guid: 'o', space_guid: 's' };
  await platform.call('PUT', `/service_instances/of-${app}`, { ...IDS, ...place });
  const answer = await platform.call(
    'PUT',
    `/service_instances/of-${app}/service_bindings/${app}`,
    {
      ...IDS,
      bind_resource: { app_guid: app, space_guid: 's' },
    },
  );
  assert.equal(answer.status, 201);
  return `Bearer ${answer.body.credentials.token}`;
}

/** The lines of the page with values. */
async function pageOf({ url }: Promgate, authorization: string): Promise<string[]> {
  const { text } = await send(`${url}/push/metrics`, 'GET', authorization);
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('the push gateway', function () {
  this.timeout(SLOW_MS);

  it('keeps the metrics of apps apart, by the tokens of their bindings', async () => {
    await using promgate = await startPromgate({ apps: [], values: { ...VALUES, push: {} } });
    const platform = new Platform({ url: promgate.url });
    const [one, two] = [await bind(platform, 'app-1'), await bind(platform, 'app-2')];
    const url = `${promgate.url}/push/metrics`;

    assert.equal((await send(url, 'POST', one, COUNTER)).status, 200);
    assert.equal((await send(url, 'POST', two, COUNTER)).status, 200);
    assert.equal((await send(url, 'POST', OPERATOR, COUNTER)).status, 200);
    assert.equal((await send(url, 'POST', undefined, COUNTER)).status, 401);

    const line = (app: string) => `jobs_total{app_id="${app}",organization_id="o",space_id="s"} 2`;
    assert.deepEqual(await pageOf(promgate, one), [line('app-1')]);
    assert.deepEqual(await pageOf(promgate, two), [line('app-2')]);
    assert.deepEqual((await pageOf(promgate, OPERATOR)).sort(), [
      'jobs_total 2',
      ...[line('app-1'), line('app-2')],
    ]);
  });

  it('refuses a token that is revoked, also on the short way', async () => {
    await using promgate = await startPromgate({ apps: [], values: { ...VALUES, push: {} } });
    const platform = new Platform({ url: promgate.url });
    const token = await bind(platform, 'app-1');
    const push = () => send(`${promgate.url}/push/metrics`, 'POST', token, COUNTER);
    assert.deepEqual([(await push()).status, (await push()).status], [200, 200]);

    const query = new URLSearchParams(IDS);
    await platform.call('DELETE', `/service_instances/of-app-1/service_bindings/app-1?${query}`);

    await eventually(
      'the token is refused',
      async () => (await push()).status === 401 || undefined,
    );
  });

  it('has its paths at the root of a port of its own, where pushes may add up', async () => {
    const push = { port: 0, port_job_mode: 'aggregate' };
    await using promgate = await startPromgate({ apps: [], values: { push } });
    const { url, pushUrl } = promgate;

    const job = '/metrics/job/nightly';
    const replaced = [
      await send(`${url}/push${job}`, 'PUT', undefined, COUNTER),
      await send(`${url}/push${job}`, 'PUT', undefined, COUNTER),
    ];
    const added = [
      await send(`${pushUrl}${job}/kind/a`, 'PUT', undefined, COUNTER),
      await send(`${pushUrl}${job}/kind/a`, 'PUT', undefined, COUNTER),
    ];

    assert.deepEqual(
      replaced.map(({ status }) => status),
      [200, 200],
    );
    assert.deepEqual(
      added.map(({ status }) => status),
      [202, 202],
    );
    const { text } = await send(`${pushUrl}/metrics`, 'GET');
    assert.match(text, /^jobs_total\{instance="",job="nightly"\} 2$/m);
    assert.match(text, /^jobs_total\{job="nightly",kind="a"\} 4$/m);
    for (const path of ['/ready', '/healthy', '/-/ready', '/-/healthy', '/api/v1/status']) {
      assert.equal((await send(pushUrl + path, 'GET')).status, 200, path);
    }
    for (const path of ['/v1/apps/a/b/c/metrics', '/readyz', '/routes']) {
      assert.equal((await send(pushUrl + path, 'GET')).status, 404, path);
    }
  });

  it('tells in metrics and in /readyz what becomes of pushes', async () => {
    await using promgate = await startPromgate({ apps: [], values: { push: {} } });
    const url = `${promgate.url}/push/metrics`;

    await send(url, 'POST', undefined, COUNTER);
    await send(`${url}/a/b`, 'POST', undefined, 'm x\n');

    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^promgate_pushes_total\{interface="counter",result="ok"\} 1$/m);
    assert.match(
      metrics,
      /^promgate_pushes_total\{interface="aggregation",result="bad_body"\} 1$/m,
    );
    assert.match(metrics, /^promgate_push_samples_total 1$/m);
    assert.match(metrics, /^promgate_push_series 1$/m);
    assert.match(metrics, /^promgate_http_requests_total\{handler="push",code="200"\} 1$/m);
    assert.equal(JSON.parse(await promgate.text('/readyz')).push, 'ready');
  });

  it('does not exist without its section', async () => {
    await using promgate = await startPromgate({ apps: [] });

    assert.equal(
      (await send(`${promgate.url}/push/metrics`, 'POST', undefined, COUNTER)).status,
      404,
    );
  });
});
