/** What a whole promgate says of the CF API: metrics, the status page, and `check --live`. */
import assert from 'node:assert/strict';
import { type CfApi, startCfApi } from '../support/cf-api/api.ts';
import { runCommand, settings } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { startPromgate } from '../support/promgate.ts';

const CLIENT = { client_id: 'promgate', client_secret: 'secret' };

async function startApi(scopes = ['cloud_controller.global_auditor']): Promise<CfApi> {
  const api = await startCfApi();
  api.uaa.clients.set(CLIENT.client_id, { secret: CLIENT.client_secret, scopes, spaces: [] });
  api.world.push({ name: 'shop', space: api.world.space('acme', 'dev') });
  return api;
}

function check(api: CfApi) {
  const values = Object.entries({ url: api.url, ...CLIENT });
  const named = values.map(([key, value]) => [`routes.cf_api.${key}`, value] as const);
  return runCommand(['check', '--live', ...settings(Object.fromEntries(named))]);
}

describe('discovery by the CF API in a whole promgate', () => {
  it('shows the age of its sweeps, the quota and its failures in metrics and on the status page', async () => {
    await using api = await startApi();
    api.limit = 2_000;
    await using promgate = await startPromgate({
      apps: [],
      values: {
        routes: { cf_api: { url: api.url, ...CLIENT, interval: '5s', requests_per_minute: 600 } },
      },
    });

    const metrics = await eventually('the first sweep to be counted', async () => {
      const page = await promgate.text('/metrics');
      return /^promgate_cf_api_sweep_age_seconds/m.test(page) ? page : undefined;
    });

    assert.match(metrics, /^promgate_cf_api_sweep_duration_seconds\{sweep="full"\} \d/m);
    assert.match(metrics, /^promgate_cf_api_rate_limit_remaining 1800$/m);
    assert.match(metrics, /^promgate_cf_api_requests_total\{kind="apps"\} [1-9]/m);
    assert.match(metrics, /^promgate_cf_api_failures_total\{during="sweep",fault="denied"\} 0$/m);
    const { sources, figures } = JSON.parse(await promgate.text('/status/overview'));
    assert.deepEqual(
      sources.map(({ kind, state }: { kind: string; state: string }) => [kind, state]),
      [['cf-api', 'ready']],
    );
    assert.equal(figures['promgate_cf_api_rate_limit_remaining'][0].value, 1800);
    assert.equal(figures['promgate_cf_api_sweep_age_seconds'].length, 1);
  });

  it('counts a failure by its word', async () => {
    await using api = await startApi();
    await using promgate = await startPromgate({
      apps: [],
      values: {
        routes: { cf_api: { url: api.url, ...CLIENT, interval: '5s', requests_per_minute: 600 } },
      },
    });
    api.uaa.clients.set(CLIENT.client_id, { secret: 'another one', scopes: [], spaces: [] });
    api.uaa.revokeAll();

    await eventually('the failure to be counted', async () => {
      const page = await promgate.text('/metrics');
      return /^promgate_cf_api_failures_total\{during="sweep",fault="denied"\} [1-9]/m.test(page)
        ? true
        : undefined;
    });
  });
});

describe('promgate check --live of the CF API', () => {
  it('says what the token allows, what it sees, and what is left of the quota', async () => {
    await using api = await startApi();
    api.limit = 2_000;

    const { code, output } = await check(api);

    assert.equal(code, 0);
    assert.match(
      output,
      /^ok {6}cf-api http:\S+: 1 routes, 1 endpoints of 1 apps, read anew in \d+ ms/m,
    );
    assert.match(
      output,
      /the token has cloud_controller\.global_auditor; the API says that 1800 requests are left/,
    );
  });

  it('says that an API limits nothing', async () => {
    await using api = await startApi(['cloud_controller.admin_read_only']);

    const { output } = await check(api);

    assert.match(
      output,
      /the token has cloud_controller\.admin_read_only; the API limits no requests/,
    );
  });

  it('says what a client without a scope needs', async () => {
    await using api = await startApi([]);

    const { code, output } = await check(api);

    assert.equal(code, 3);
    assert.match(
      output,
      /the client needs cloud_controller\.global_auditor, a user the role auditor/,
    );
    assert.ok(!output.includes(CLIENT.client_secret));
  });
});
