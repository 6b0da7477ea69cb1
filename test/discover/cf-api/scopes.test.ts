/** The least scope and role with which each feature of the source works; docs/cf-api.md states them. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type CfApiTest, startSource } from '../../support/cf-api/source.ts';
import { EVERYTHING, fillWorld } from './two-organizations.ts';

const FEATURES = ['apps', 'processes', 'routes', 'stats', 'registrations', 'names'] as const;
type Feature = (typeof FEATURES)[number];

/** What works with a token, as the table of docs/cf-api.md has it. */
async function working(test: CfApiTest): Promise<Record<Feature, number>> {
  const { source, table } = test;
  const { inventory } = source;
  const apps = [...inventory.selected.values()];
  const first = apps[0]?.targets[0];
  const wanted = first && source.wantStats(first.processId);
  await test.sweepAgain(); // the request may wait for the budget
  await wanted;
  return {
    apps: table.sizes().apps,
    processes: apps.filter(({ targets }) => targets.some(({ state }) => state === 'RUNNING'))
      .length,
    routes: apps.filter(({ targets }) => targets[0]?.routes[0]).length,
    stats: first && inventory.targetOf(first.processId, first.index)?.ports ? 1 : 0,
    registrations: apps.filter(({ declared }) => declared.length > 0).length,
    names: apps.filter(({ identity }) => identity.organizationName && identity.spaceName).length,
  };
}

const ALL = { apps: 5, processes: 5, routes: 5, stats: 1, registrations: 1, names: 5 };
/** Those of the space acme/prod. */
const ONE_SPACE = { apps: 3, processes: 3, routes: 3, stats: 1, registrations: 0, names: 3 };
const NOTHING = { apps: 0, processes: 0, routes: 0, stats: 0, registrations: 0, names: 0 };

describe('the scope that the CF API source needs', () => {
  for (const scope of ['global_auditor', 'admin_read_only', 'admin']) {
    it(`is for all apps a client with cloud_controller.${scope}`, async () => {
      await using test = await startSource({
        prepare: (api, space) => {
          fillWorld(api, space);
          setClient(api, [`cloud_controller.${scope}`]);
        },
      });

      await test.swept(1);

      assert.equal(EVERYTHING.length, ALL.apps);
      assert.deepEqual(await working(test), ALL);
      assert.deepEqual(test.source.state.scopes, [`cloud_controller.${scope}`]);
    });
  }

  it('is for the apps of a space the role auditor and cloud_controller.read', async () => {
    await using test = await startSource({
      credentials: {
        ...{ kind: 'user', username: 'auditor', password: 'p', origin: undefined },
        ...{ clientId: 'cf', clientSecret: '' },
      },
      prepare: (api, space) => {
        fillWorld(api, space);
        api.uaa.clients.set('cf', { secret: '', scopes: [], spaces: [] });
        api.uaa.users.set('auditor', {
          ...{ password: 'p', origin: 'uaa', scopes: ['cloud_controller.read'], spaces: [space] },
        });
      },
    });

    await test.swept(1);

    assert.deepEqual(await working(test), ONE_SPACE);
    assert.deepEqual(test.told.errors, []);
  });

  it('is not cloud_controller.read alone, which sees no app', async () => {
    await using test = await startSource({
      prepare: (api, space) => {
        fillWorld(api, space);
        setClient(api, ['cloud_controller.read']);
      },
    });

    await test.swept(1);

    assert.deepEqual(await working(test), NOTHING);
    assert.deepEqual(test.told.errors, []);
  });

  it('is not missing in silence: without one the source is denied', async () => {
    await using test = await startSource({
      prepare: (api, space) => {
        fillWorld(api, space);
        setClient(api, ['uaa.resource']);
      },
    });

    await test.swept(1);

    assert.deepEqual(await working(test), NOTHING);
    assert.match(
      test.told.errors[0]?.message ?? '',
      /answered 403 to \/v3\/apps \(CF-NotAuthorized/,
    );
  });

  it('does without registrations where the token may not read services', async () => {
    await using test = await startSource({ prepare: fillWorld });
    test.api.fault = (_, response, { pathname }) => {
      if (pathname !== '/v3/service_instances') return false;
      response
        .writeHead(403)
        .end('{"errors":[{"code":10003,"title":"CF-NotAuthorized","detail":"x"}]}');
      return true;
    };

    await test.swept(1);

    assert.deepEqual(await working(test), { ...ALL, registrations: 0 });
    assert.deepEqual(test.told.errors, []);
  });

  it('is stated for each feature in docs/cf-api.md', async () => {
    const text = await readFile(new URL('../../../docs/cf-api.md', import.meta.url), 'utf8');
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    for (const path of [
      '/v3/apps',
      '/v3/processes',
      '/v3/routes',
      '/stats',
      '/v3/service_instances',
    ]) {
      assert.ok(
        rows.some((row) => row.includes(path)),
        path,
      );
    }
  });
});

function setClient({ uaa }: CfApiTest['api'], scopes: string[]): void {
  uaa.clients.set('promgate', { secret: 'secret', scopes, spaces: [] });
}
