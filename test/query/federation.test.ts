import assert from 'node:assert/strict';
import { FederationError } from '../../src/query/failure.ts';
import { EVERYBODY, openTestFederation, select, selectBlocks } from '../support/federation.ts';
import { startQueryServer } from '../support/query-server.ts';
import { notedValues, seriesOf } from '../support/sample-series.ts';

const AT_MS = 1_700_000_000_000;
const up = (labels: string, values: Parameters<typeof seriesOf>[2], phaseMs = 0) =>
  seriesOf(`up{${labels}}`, AT_MS + phaseMs, values);

describe('a federation', () => {
  it('has the series of all its groups', async () => {
    await using one = await startQueryServer({ series: [up('job="a"', [1, 2])] });
    await using two = await startQueryServer({ series: [up('job="b"', [3])] });
    await using federation = openTestFederation([
      { name: 'one', urls: [one.url], labels: { dc: 'x' } },
      { name: 'two', urls: [two.url], labels: { dc: 'y' } },
    ]);

    assert.deepEqual(await select(federation, 'up'), [
      ['__name__=up dc=x job=a', [1, 2]],
      ['__name__=up dc=y job=b', [3]],
    ]);
  });

  it('asks only groups whose labels match, and does not send them these labels', async () => {
    await using one = await startQueryServer({ series: [up('job="a"', [1])] });
    await using two = await startQueryServer({ series: [up('job="a"', [2])] });
    await using federation = openTestFederation([
      { urls: [one.url], labels: { dc: 'x' } },
      { urls: [two.url], labels: { dc: 'y' } },
    ]);

    assert.deepEqual(await select(federation, 'up{dc="y"}'), [['__name__=up dc=y job=a', [2]]]);
    assert.equal(one.requests.length, 0);
    assert.deepEqual(await select(federation, '{dc="x"}'), [['__name__=up dc=x job=a', [1]]]);
    assert.deepEqual(await select(federation, 'up{dc!~"x|y"}'), []);
  });

  it('learns the external labels of servers, and gives series without them', async () => {
    const series = [up('job="a"', [1, 2, 3])];
    await using one = await startQueryServer({ series, externalLabels: { replica: 'one' } });
    await using two = await startQueryServer({ series, externalLabels: { replica: 'two' } });
    await using federation = openTestFederation([{ urls: [one.url, two.url] }]);

    assert.deepEqual(await select(federation, 'up'), [['__name__=up job=a', [1, 2, 3]]]);
    assert.deepEqual(await select(federation, 'up{replica="one"}'), []);
  });

  it('fills holes of one replica from the other, also at the ends of a range', async () => {
    const samples = Array.from({ length: 40 }, (_, at) => at);
    const holed = samples.map((at) => (at >= 10 && at < 20 ? undefined : at));
    await using one = await startQueryServer({ series: [up('job="a"', holed)] });
    await using two = await startQueryServer({
      series: [up('job="a"', samples.slice(5, 25), 82_000)],
    });
    await using federation = openTestFederation([{ urls: [one.url, two.url] }]);
    const range = { afterMs: AT_MS + 160_000, untilMs: AT_MS + 290_000 };

    const [block] = await selectBlocks(federation, 'up', { range });

    // The hole lasts from 135 s to 300 s; the other replica has scraped 7 s after the first one would have.
    assert.deepEqual(notedValues(block!), [11, 12, 13, 14, 15, 16, 17, 18]);
  });

  it('reads a server without remote read by queries, and says what is lost', async () => {
    await using server = await startQueryServer({
      ...{ series: [up('job="a"', [1, 2, 3])], remoteRead: false },
    });
    await using federation = openTestFederation([{ urls: [server.url] }]);
    const storage = federation.open(EVERYBODY);
    const range = { afterMs: AT_MS - 1, untilMs: AT_MS + 600_000 };
    const hints = { function: '', stepMs: 0, rangeMs: 0 };

    const found = await storage.select([{ name: 'job', op: '=', value: 'a' }], range, hints);

    assert.deepEqual(found.map(notedValues), [[1, 2, 3]]);
    assert.match(storage.infos().join(), /not read by remote read/);
  });

  it('gives a tenant its own series only, whatever the selector says', async () => {
    await using server = await startQueryServer({
      series: [up('space_id="s1"', [1]), up('space_id="s2"', [2]), up('app_id="a3"', [3])],
    });
    await using federation = openTestFederation([{ urls: [server.url] }]);
    const own = (name: string, value: string) => [{ name, op: '=' as const, value }];
    const scope = { ...EVERYBODY, tenants: [own('space_id', 's1'), own('app_id', 'a3')] };

    assert.deepEqual(await select(federation, 'up', { scope }), [
      ['__name__=up app_id=a3', [3]],
      ['__name__=up space_id=s1', [1]],
    ]);
    assert.deepEqual(await select(federation, 'up{space_id=~".*s2.*"}', { scope }), []);
  });

  it('tells series of replicas apart if they are not to be merged', async () => {
    await using one = await startQueryServer({ series: [up('job="a"', [1])] });
    await using two = await startQueryServer({ series: [up('job="a"', [2])] });
    await using federation = openTestFederation([{ urls: [one.url, two.url] }]);

    const found = await select(federation, 'up', { scope: { ...EVERYBODY, dedup: false } });

    assert.deepEqual(found.map(([, values]) => values).sort(), [[1], [2]]);
    assert.match(found[0]![0], /replica=127\.0\.0\.1:\d+/);
  });

  it('merges series that groups have in common', async () => {
    await using one = await startQueryServer({ series: [up('job="a"', [1, 2, 3, 4])] });
    await using two = await startQueryServer({ series: [up('job="a"', [5, 6], 600_000)] });
    await using federation = openTestFederation([
      { urls: [one.url], partition: 'none' },
      { urls: [two.url], partition: 'none' },
    ]);

    assert.deepEqual(await select(federation, 'up'), [['__name__=up job=a', [1, 2, 3, 4, 5, 6]]]);
  });

  it('refuses a query that reads too much, and names the bound', async () => {
    const series = Array.from({ length: 50 }, (_, at) => up(`job="${at}"`, [1]));
    await using server = await startQueryServer({ series });
    const bounds = { maxSeries: 49, maxSamples: 1e6, maxBytes: 1e9 };
    await using federation = openTestFederation([{ urls: [server.url] }], { bounds });

    await assert.rejects(select(federation, 'up'), (error) => {
      assert.ok(error instanceof FederationError && error.failure === 'too-many');
      assert.match(error.message, /more than 49 series/);
      return true;
    });
  });
});
