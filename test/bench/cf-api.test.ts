/** The benchmark of the CF API runs, and counts what the API counts. */
import assert from 'node:assert/strict';
import { cfApiTable, measureCfApi } from '../../bench/cf-api.ts';

describe('the benchmark of the CF API', () => {
  it('counts the requests of an hour, quiet and busy', async function () {
    this.timeout(300_000);

    const result = await measureCfApi(60);

    assert.equal(result.firstSweep, 5);
    assert.equal(result.completeSeconds, 0);
    assert.ok(result.quiet > result.firstSweep && result.busy > result.quiet && result.busy <= 600);
    assert.match(cfApiTable([result]), /^60 apps +5 +0 s +\d+ +\d+$/m);
  });
});
