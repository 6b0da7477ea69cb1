import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import type { ApiCall } from '../../src/query/federation.ts';
import { EVERYBODY, openTestFederation, type TestFederation } from '../support/federation.ts';
import { startQueryServer } from '../support/query-server.ts';
import { seriesOf } from '../support/sample-series.ts';
import { freePort } from '../support/server-process.ts';

const AT_MS = 1_700_000_000_000;
const up = (labels: string) => seriesOf(`up{${labels}}`, AT_MS, [1]);
const UP = [[{ name: '__name__', op: '=', value: 'up' }]] as const;
const TIMES = { startMs: AT_MS - 60_000, endMs: AT_MS + 60_000 };

const callOf = (path: string, own: Partial<ApiCall> = {}): ApiCall => ({
  ...{ path, matchers: UP, parameters: {}, ...TIMES, ...own },
});

const ask = (federation: TestFederation, call: ApiCall, scope = EVERYBODY) =>
  federation.ask(call, scope, AbortSignal.timeout(10_000));

describe('questions to a federation', () => {
  it('are answered by all replicas where one may know what another does not', async () => {
    await using one = await startQueryServer({ series: [up('job="a"')] });
    await using two = await startQueryServer({ series: [up('job="b"')] });
    await using federation = openTestFederation([
      { name: 'pair', urls: [one.url, two.url], labels: { dc: 'x' } },
    ]);

    const { answers } = await ask(federation, callOf('series'));

    assert.deepEqual(
      answers.map(({ group, labels, data }) => ({ group, labels, data })),
      [
        { group: 'pair', labels: { dc: 'x' }, data: [{ __name__: 'up', job: 'a' }] },
        { group: 'pair', labels: { dc: 'x' }, data: [{ __name__: 'up', job: 'b' }] },
      ],
    );
  });

  it('are answered by one replica where all say the same', async () => {
    const rules = { groups: [{ name: 'own' }] };
    await using one = await startQueryServer({ data: { rules } });
    await using two = await startQueryServer({ data: { rules } });
    await using federation = openTestFederation([{ urls: [one.url, two.url] }]);

    const { answers } = await ask(federation, callOf('rules', { matchers: [] }));

    assert.deepEqual(
      answers.map(({ data }) => data),
      [rules],
    );
  });

  it('go to the next replica if the first one hangs or is dead', async () => {
    const rules = { groups: [] };
    await using frozen = await startQueryServer({ faults: { freeze: 'head' } });
    await using well = await startQueryServer({ data: { rules } });
    const dead = `http://127.0.0.1:${await freePort()}`;
    await using federation = openTestFederation([{ urls: [frozen.url, dead, well.url] }]);

    const { answers } = await ask(federation, callOf('rules', { matchers: [] }));

    assert.deepEqual(
      answers.map(({ data }) => data),
      [rules],
    );
  });

  it('are about the labels that rules make', async () => {
    await using server = await startQueryServer({
      series: [up('job="a",replica="1"'), up('job="b",replica="2"')],
    });
    const metricsRelabel = [
      { action: 'labeldrop', sourceLabel: 'replica', targetLabel: '' },
      { action: 'uppercase', sourceLabel: 'job', targetLabel: 'team' },
    ] as const;
    await using federation = openTestFederation([{ urls: [server.url], metricsRelabel }]);
    const dataOf = async (path: string) => (await ask(federation, callOf(path))).answers[0]?.data;

    assert.deepEqual(await dataOf('series'), [
      { __name__: 'up', job: 'a', team: 'A' },
      { __name__: 'up', job: 'b', team: 'B' },
    ]);
    assert.deepEqual(await dataOf('labels'), ['__name__', 'job', 'team']);
    assert.deepEqual(await dataOf('label/team/values'), ['A', 'B']);
    assert.deepEqual(await dataOf('label/replica/values'), []);
  });

  it('reach only groups that can match, with what the tenant may see', async () => {
    await using one = await startQueryServer({
      series: [up('space_id="s1"'), up('space_id="s2"')],
    });
    await using two = await startQueryServer({ series: [up('space_id="s1"')] });
    await using federation = openTestFederation([
      { urls: [one.url], labels: { dc: 'x' } },
      { urls: [two.url], labels: { dc: 'y' } },
    ]);
    const own = [{ name: 'space_id', op: '=', value: 's1' }] as const;
    const matchers = [[{ name: 'dc', op: '=', value: 'x' }]] as const;
    const scope = { ...EVERYBODY, tenants: [own] };

    const { answers } = await ask(federation, callOf('series', { matchers }), scope);

    assert.deepEqual(
      answers.map(({ data }) => data),
      [[{ __name__: 'up', space_id: 's1', dc: 'x' }]],
    );
    assert.equal(two.requests.length, 0);
  });
});

describe('an answer that is no query', () => {
  it('has at most 16 MiB, and the failure says so', async () => {
    const labels = ['a'.repeat(17 * 2 ** 20)];
    await using server = await startQueryServer({ data: { labels } });
    await using federation = openTestFederation([{ urls: [server.url] }]);

    await assert.rejects(
      ask(federation, callOf('labels')),
      /the answer to labels has more than 16 MiB, the fixed bound of such answers/,
    );
  });
});

describe('the bytes of an answer', () => {
  const query = callOf('query', { parameters: { query: 'up', time: String(AT_MS / 1000) } });
  const splice = (federation: TestFederation, scope = EVERYBODY) =>
    federation.splice(query, scope, AbortSignal.timeout(10_000));

  it('pass through if one server alone can give it', async () => {
    await using server = await startQueryServer({ series: [up('job="a"')] });
    await using other = await startQueryServer({ series: [] });
    const direct = await fetch(`${server.url}/api/v1/query?query=up&time=${AT_MS / 1000}`);
    const expected = await direct.text();
    await using federation = openTestFederation([
      { urls: [server.url] },
      // It has samples of another time only.
      {
        urls: [other.url],
        timeLimits: [{ kind: 'absolute', start: undefined, end: AT_MS - 1e9, truncate: false }],
      },
    ]);

    const bytes = await splice(federation);

    assert.ok(bytes);
    assert.equal(await text(bytes), expected);
    assert.equal(other.requests.length, 0);
  });

  it('do not pass through if another one can have a part in it, or labels change', async () => {
    await using server = await startQueryServer({ series: [up('job="a"')] });
    const urls = [server.url];
    const alone = [{ urls }];
    const tenant = { ...EVERYBODY, tenants: [[{ name: 'a', op: '=' as const, value: 'b' }]] };
    const dropped = { action: 'labeldrop', sourceLabel: 'job', targetLabel: '' } as const;
    for (const [groups, scope] of [
      [[{ urls }, { urls }], EVERYBODY],
      [[{ urls: [server.url, `${server.url}/`, 'http://127.0.0.1:1'] }], EVERYBODY],
      [[{ urls, labels: { dc: 'x' } }], EVERYBODY],
      [[{ urls, metricsRelabel: [dropped] }], EVERYBODY],
      [[{ urls, injectMatchers: UP[0] }], EVERYBODY],
      [alone, tenant],
    ] as const) {
      await using federation = openTestFederation(groups);
      assert.equal(await splice(federation, scope), undefined);
    }
    await using federation = openTestFederation(alone);
    assert.ok(await splice(federation));
  });
});
