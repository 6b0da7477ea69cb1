import assert from 'node:assert/strict';
import type { Scope } from '../../src/serve/scope.ts';
import { type QuerySite, serveQuery } from '../serve/query/query-site.ts';
import { openTestFederation } from '../support/federation.ts';
import { startQueryServer } from '../support/query-server.ts';
import { seriesOf } from '../support/sample-series.ts';
import { freePort } from '../support/server-process.ts';

const AT_MS = 1_700_000_000_000;
const SCOPE: Scope = { appId: undefined, spaceId: 's1' };
const TIMES = { start: String(AT_MS / 1000 - 60), end: String(AT_MS / 1000 + 60) };
const lowercase = { action: 'lowercase', sourceLabel: 'zone', targetLabel: 'zone' } as const;
const m = (labels: string) => seriesOf(`m{${labels}}`, AT_MS, [1]);

/** The whole answers to questions with a selector, as texts. */
async function answersOf(site: QuerySite): Promise<readonly string[]> {
  const query = { query: 'm', time: String(AT_MS / 1000) };
  const answers = [
    site.get('query', query),
    site.get('series', { 'match[]': 'm', ...TIMES }),
    site.get('labels', TIMES),
    site.get('label/job/values', TIMES),
    site.get('metadata'),
  ];
  return (await Promise.all(answers)).map(({ body }) => JSON.stringify(body));
}

describe('the address of a server', () => {
  it('is told to operators, and to no tenant: not in warnings, infos and errors', async () => {
    await using well = await startQueryServer({ series: [m('space_id="s1"')] });
    const dead = `http://127.0.0.1:${await freePort()}`;
    for (const urls of [[well.url, dead], [dead]]) {
      await using federation = openTestFederation([{ urls, remoteRead: 'never' }]);
      await using operator = await serveQuery({ federation });
      await using tenant = await serveQuery({ federation, scope: SCOPE });

      for (const text of await answersOf(operator)) assert.match(text, /127\.0\.0\.1:\d/);
      for (const text of await answersOf(tenant)) {
        assert.doesNotMatch(text, /127\.0\.0\.1:\d/);
        assert.match(text, /group-0/);
      }
    }
  });

  it('stays hidden in what servers remark, and in answers that are too large', async () => {
    await using server = await startQueryServer({
      series: [m('space_id="s1",i="1"'), m('space_id="s1",i="2"')],
    });
    const bounds = { maxSeries: 1, maxSamples: 100, maxBytes: 1e6 };
    await using federation = openTestFederation([{ urls: [server.url] }], { bounds });
    await using tenant = await serveQuery({ federation, scope: SCOPE });

    const { body } = await tenant.get('query', { query: 'm', time: String(AT_MS / 1000) });

    assert.match(body.error ?? '', /group "group-0": the query reads more than 1 series/);
    assert.doesNotMatch(body.error ?? '', /127\.0\.0\.1/);
  });
});

describe('a server that ignores match[]', () => {
  it('opens to a tenant nothing of others', async () => {
    const all = [
      { __name__: 'm', space_id: 's1', job: 'own' },
      { __name__: 'secret', space_id: 's2', job: 'secret', secret: 'secret' },
    ];
    const texts = ['own', 'secret'];
    const metadata = { m: [{ type: 'gauge' }], secret: [{ type: 'gauge' }] };
    const data = { series: all, labels: texts, 'label/job/values': texts, metadata };
    await using server = await startQueryServer({ data });
    await using federation = openTestFederation([{ urls: [server.url], labels: { dc: 'x' } }]);
    await using site = await serveQuery({ federation, scope: SCOPE });
    const dataOf = async (path: string, own: Record<string, string> = {}) =>
      (await site.get(path, own)).body.data;

    const own = { __name__: 'm', space_id: 's1', job: 'own', dc: 'x' };
    assert.deepEqual(await dataOf('series', { 'match[]': '{job!=""}' }), [own]);
    assert.deepEqual(await dataOf('labels'), ['__name__', 'dc', 'job', 'space_id']);
    assert.deepEqual(await dataOf('label/job/values'), ['own']);
    assert.deepEqual(await dataOf('label/dc/values'), ['x']);
    assert.deepEqual(Object.keys((await dataOf('metadata')) ?? {}), ['m']);
  });
});

describe('labels behind rules that change them', () => {
  const all = ['a', 'b', 'c'].flatMap((job) => ['1', '2'].map((i) => m(`job="${job}",i="${i}"`)));
  const dotted = { ...m('job="d"'), labels: [['__name__', 'm'] as const, ['a.b', 'x'] as const] };

  it('are counted by their own limit, not by that of series', async () => {
    await using server = await startQueryServer({ series: all });
    const group = { urls: [server.url], metricsRelabel: [lowercase] };
    await using federation = openTestFederation([group]);
    await using site = await serveQuery({ federation });

    const { body } = await site.get('label/job/values', { ...TIMES, limit: '2' });

    assert.deepEqual(body.data, ['a', 'b']);
    assert.deepEqual(body.warnings, ['results truncated due to limit']);
    const last = server.requests.at(-1);
    assert.deepEqual([last?.path, last?.parameters.get('limit')], ['series', null]);
  });

  it('may have names beyond the old alphabet', async () => {
    await using server = await startQueryServer({ series: [dotted] });
    const group = { urls: [server.url], metricsRelabel: [lowercase] };
    await using federation = openTestFederation([group]);
    await using site = await serveQuery({ federation });

    for (const name of ['a.b', 'U__a_2e_b']) {
      assert.deepEqual((await site.get(`label/${name}/values`, TIMES)).body.data, ['x'], name);
    }
  });
});
