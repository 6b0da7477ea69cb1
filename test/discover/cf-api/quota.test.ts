/** What a large foundation costs: 5,000 apps, and a quota of 600 requests an hour. */
import assert from 'node:assert/strict';
import { largeWorld } from '../../support/cf-api/large-world.ts';
import { startSource } from '../../support/cf-api/source.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe('the CF API of a large foundation', () => {
  it('is read whole within two minutes, and stays within 600 requests in an hour with the stats of 100 apps', async function () {
    this.timeout(120_000);
    await using test = await startSource({
      prepare: (api, space) => {
        largeWorld(api.world, { apps: 5000, organization: space.organization.name });
        api.limit = 600;
      },
    });
    const { api, clock, table, source } = test;

    await test.swept(1);

    assert.ok(clock.nowMs() <= 2 * MINUTE_MS, `${clock.nowMs()} ms`);
    assert.equal(table.sizes().apps, 5000);
    const instances = [...table.apps()].reduce((sum, own) => sum + own.length, 0);
    assert.equal(
      instances,
      api.world.processes.reduce((sum, one) => sum + one.instances.length, 0),
    );

    // All of the first 100 apps need their ports.
    const wanted = api.world.apps.slice(0, 100).map(({ guid }) => source.wantStats(guid));
    while (clock.nowMs() < HOUR_MS) await test.sweepAgain();
    await Promise.all(wanted);

    const counted = countApi(api.requests);
    assert.ok(counted <= 600, `${counted} requests in an hour`);
    assert.equal(test.told.errors.length, 0);
    assert.equal(source.inventory.targetOf(api.world.apps[0]!.guid, 0)?.ports?.[0]?.appPort, 8080);
  });
});

/** The requests that the rate limit counts. */
function countApi(requests: readonly string[]): number {
  return requests.filter((one) => one.includes(' /v3/')).length;
}
