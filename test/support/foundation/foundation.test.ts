/** The parts of the foundation show one world: what the CF API names, gorouter reaches by its process. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type CfApiSource, startCfApi } from '../../../src/discover/cf-api.ts';
import { RouteTable } from '../../../src/discover/route-table.ts';
import type { Target } from '../../../src/discover/target.ts';
import { eventually } from '../eventually.ts';
import { SLOW_MS } from '../limits.ts';
import { startNatsServer } from '../nats-server.ts';
import { type Foundation, startFoundation } from './foundation.ts';

const ROUNDS = 20;

/** Asks gorouter for an instance, as the CF API names it. @returns who answered */
function ask({ router }: Foundation, { processId, index, routes }: Target): Promise<string> {
  const headers = {
    Host: routes[0]?.host ?? '',
    'X-CF-PROCESS-INSTANCE': `${processId}:${index}`,
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${router.url}/metrics`, { headers, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (piece) => {
        text += piece;
      });
      answer.on('end', () => {
        const [, own, process] = /own_index="(\d+)",own_process="([^"]+)"/.exec(text) ?? [];
        resolve(own === undefined ? `${answer.headers['x-cf-routererror']}` : `${process}:${own}`);
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

function webTargets({ inventory }: CfApiSource): Target[] {
  return [...inventory.targets()].filter(
    ({ processType, state }) => processType === 'web' && state === 'RUNNING',
  );
}

describe('the simulated foundation', function () {
  this.timeout(SLOW_MS);

  it('lets gorouter reach each instance that the CF API names, and no other, after deploys', async function () {
    await using nats = await startNatsServer(this);
    const account = { server: `nats://${nats.address}`, user: '', pass: '' };
    let seed = 1;
    const chance = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    await using foundation = await startFoundation({ apps: 100, nats: account, chance });
    const { api, cells, client, deploys } = foundation;
    for (let round = 0; round < ROUNDS; round++) await foundation.change();
    await using source = startCfApi(
      {
        ...{ url: api.url, requestsPerMinute: 600, intervalMs: 500 },
        credentials: {
          ...{ kind: 'client', clientId: client.client_id, clientSecret: client.client_secret },
        },
        filters: { organizations: [], spaces: [], apps: [], onlyDeclared: false },
      },
      new RouteTable(),
    );

    const targets = await eventually('the CF API to be read', () =>
      source.ready ? webTargets(source) : undefined,
    );
    const said = await Promise.all(targets.map((target) => ask(foundation, target)));

    const web = [...cells.running.values()].filter(({ process }) => process.type === 'web');
    const running = web.map(({ process, index }) => `${process.guid}:${index}`).sort();
    assert.deepEqual(
      said,
      targets.map(({ processId, index }) => `${processId}:${index}`),
    );
    assert.deepEqual(said.toSorted(), running);
    assert.ok(
      targets.some(({ rolling }) => rolling),
      'deploys are under way',
    );
    assert.ok(deploys.done > 0);
  });
});
