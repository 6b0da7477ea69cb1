/**
 * The whole way, once: a simulated foundation of 200 apps with rolling deploys, promgate as
 * `manifest.yml` starts it, with the CF API as its only source, and a real Prometheus that finds all
 * apps by `/sd/apps`. `npm run demo -- --foundation` does the same with 500 apps for five minutes.
 */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { PATIENCE, startWholeWay } from '../support/foundation/whole-way.ts';
import { difference, storedIdentities, wrongIdentities } from '../support/foundation/witness.ts';

/** So many deploys must have ended before the test may judge. */
const DEPLOYS = 24;
/** So few requests in a second that a busy machine still answers each in time. */
const SIZE = { apps: 200, every: '30s' };

/** How often promgate has looked for processes. */
function looks(requests: readonly string[]): number {
  return requests.filter((one) => one.startsWith('GET /v3/processes?')).length;
}

describe('a foundation of 200 apps', function () {
  this.timeout(900_000);

  it('is scraped whole while its apps are deployed, without one sample under a wrong name or index', async function () {
    await using way = await startWholeWay(this, SIZE);
    const { foundation, prometheus } = way;
    const { api, cells, deploys } = foundation;
    const seesAll = async (): Promise<true | undefined> => {
      const { missing, gone } = await difference(prometheus, cells);
      assert.deepEqual({ missing: missing.length, gone: gone.length }, { missing: 0, gone: 0 });
      return true;
    };
    await eventually('Prometheus to see every instance', seesAll, PATIENCE);

    while (deploys.done < DEPLOYS) {
      await foundation.change();
      const enough = cells.requests + cells.running.size / 4;
      const seen = looks(api.requests) + 2; // the first of them may have begun before the change
      const isAsked = () => (cells.requests >= enough && looks(api.requests) >= seen) || undefined;
      await eventually('a quarter of the instances to be asked again', isAsked, PATIENCE);
    }
    await foundation.settle();
    await eventually('Prometheus to see every instance, and no other', seesAll, PATIENCE);

    const stored = await storedIdentities(prometheus);
    const processes = Map.groupBy(stored, (labels) => labels['own_app']);
    const seenTwice = [...deploys.apps].filter(
      ({ guid }) => new Set(processes.get(guid)?.map((one) => one['own_process'])).size > 1,
    );
    assert.deepEqual(wrongIdentities(stored), []);
    assert.ok(seenTwice.length >= DEPLOYS, `${seenTwice.length} apps were seen in both processes`);
    assert.ok(stored.length > cells.running.size, 'instances came and went');
  });
});
