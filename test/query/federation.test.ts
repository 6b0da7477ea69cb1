import assert from 'node:assert/strict';
import { openTestFederation, select } from '../support/federation.ts';
import { startQueryServer } from '../support/query-server.ts';
import { seriesOf } from '../support/sample-series.ts';

const AT_MS = 1_700_000_000_000;

describe('a federation', () => {
  it('has the series of all its groups', async () => {
    await using one = await startQueryServer({ series: [seriesOf('up{job="a"}', AT_MS, [1, 2])] });
    await using two = await startQueryServer({ series: [seriesOf('up{job="b"}', AT_MS, [3])] });
    await using federation = openTestFederation([
      { name: 'one', urls: [one.url], labels: { dc: 'x' } },
      { name: 'two', urls: [two.url], labels: { dc: 'y' } },
    ]);

    const found = await select(federation, 'up');

    assert.deepEqual(found, [
      ['__name__=up dc=x job=a', [1, 2]],
      ['__name__=up dc=y job=b', [3]],
    ]);
  });
});
