import assert from 'node:assert/strict';
import type { Scope } from '../../../src/serve/scope.ts';
import { memoryFederation, series } from '../../support/memory-federation.ts';
import { serveQuery } from './query-site.ts';

const alert = (labels: Record<string, string>, state = 'firing') => ({
  ...{ labels, annotations: {}, state, activeAt: '2026-01-01T00:00:00Z', value: '1e+00' },
});
const rule = (alerts: unknown[], more: object = {}) => ({
  ...{
    state: 'firing',
    name: 'Down',
    query: 'up == 0',
    duration: 60,
    labels: { severity: 'page' },
  },
  ...{ annotations: {}, alerts, health: 'ok', evaluationTime: 0.1, type: 'alerting', ...more },
});
const record = {
  name: 'a:b',
  query: 'sum(b)',
  health: 'ok',
  evaluationTime: 0.2,
  type: 'recording',
};
const group = (name: string, rules: unknown[]) => ({ name, file: '/r.yml', interval: 60, rules });

const RULES = memoryFederation({
  groups: [
    {
      name: 'a',
      answers: {
        rules: { groups: [group('g', [rule([alert({ app_id: 'x' })]), record])] },
        alerts: { alerts: [alert({ app_id: 'x' })] },
      },
    },
    {
      name: 'b',
      answers: {
        rules: {
          groups: [
            group('g', [
              rule([alert({ app_id: 'y' })], { state: 'pending', health: 'err', lastError: 'no' }),
            ]),
            group('f', [record]),
          ],
        },
        alerts: { alerts: [alert({ app_id: 'y' }), alert({ app_id: 'y' })] },
      },
    },
  ],
});

interface RulesData {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly Record<string, unknown>[];
  }[];
  readonly groupNextToken?: string;
}

const TENANT: Scope = { appId: 'x', spaceId: '' };

describe('GET /api/v1/rules', () => {
  it('joins groups of the same file and name, and their rules', async () => {
    await using site = await serveQuery({ federation: RULES });

    const { groups } = (await site.get('rules')).body.data as unknown as RulesData;

    assert.deepEqual(
      groups.map(({ name }) => name),
      ['f', 'g'],
    );
    const [down, recorded, ...rest] = groups[1]?.rules ?? [];
    assert.deepEqual(rest, []);
    assert.equal(recorded?.['name'], 'a:b');
    assert.deepEqual(
      [down?.['state'], down?.['health'], down?.['lastError']],
      ['firing', 'err', 'no'],
    );
    assert.deepEqual(
      ((down?.['alerts'] ?? []) as { labels: unknown }[]).map(({ labels }) => labels),
      [{ app_id: 'x' }, { app_id: 'y' }],
    );
  });

  it('filters by type, name, group, file and labels, and leaves alerts out', async () => {
    await using site = await serveQuery({ federation: RULES });
    const names = async (parameters: Record<string, string>) => {
      const { groups } = (await site.get('rules', parameters)).body.data as unknown as RulesData;
      return groups.map(({ name, rules }) => `${name}: ${rules.map((one) => one['name'])}`);
    };

    assert.deepEqual(await names({ type: 'alert' }), ['g: Down']);
    assert.deepEqual(await names({ type: 'record', 'rule_group[]': 'g' }), ['g: a:b']);
    assert.deepEqual(await names({ 'rule_name[]': 'Down' }), ['g: Down']);
    assert.deepEqual(await names({ 'file[]': '/other.yml' }), []);
    assert.deepEqual(await names({ 'match[]': '{severity="page"}' }), ['g: Down']);
    assert.equal((await site.get('rules', { type: 'x' })).status, 400);
    const { groups } = (await site.get('rules', { exclude_alerts: 'true' })).body
      .data as unknown as RulesData;
    assert.deepEqual(groups[1]?.rules[0]?.['alerts'], []);
  });

  it('gives groups page by page', async () => {
    await using site = await serveQuery({ federation: RULES });

    const first = (await site.get('rules', { group_limit: '1' })).body.data as unknown as RulesData;
    const token = first.groupNextToken ?? '';
    const next = await site.get('rules', { group_limit: '1', group_next_token: token });

    const second = next.body.data as unknown as RulesData;
    assert.deepEqual([first.groups[0]?.name, second.groups[0]?.name], ['f', 'g']);
    assert.equal(second.groupNextToken, undefined);
    assert.equal((await site.get('rules', { group_next_token: token })).status, 400);
  });
});

describe('the labels of a group of servers', () => {
  const answers = {
    rules: { groups: [group('g', [rule([], { labels: { app_id: 'other' } }), record])] },
  };
  const federation = memoryFederation({
    groups: [
      { ...{ name: 'a', answers }, labels: { app_id: 'x' } },
      { ...{ name: 'b', answers }, labels: { app_id: 'y' } },
    ],
  });
  const labelsFor = async (scope: Scope, parameters: Record<string, string> = {}) => {
    await using site = await serveQuery({ federation, scope });
    const { groups } = (await site.get('rules', parameters)).body.data as unknown as RulesData;
    return groups.flatMap(({ rules }) => rules.map((one) => one['labels']));
  };

  it('are labels of its rules, and win', async () => {
    const [x, y] = [{ app_id: 'x' }, { app_id: 'y' }];
    assert.deepEqual(await labelsFor('all'), [x, x, y, y]);
    assert.deepEqual(await labelsFor('all', { 'match[]': '{app_id="y"}' }), [y, y]);
  });

  it('say whose rules they are', async () => {
    const own = { app_id: 'x' };
    assert.deepEqual(await labelsFor(TENANT), [own, own]);
    assert.deepEqual(await labelsFor({ appId: 'other', spaceId: '' }), []);
  });
});

describe('GET /api/v1/alerts', () => {
  it('joins the alerts of all groups, each once', async () => {
    await using site = await serveQuery({ federation: RULES });

    const { alerts } = (await site.get('alerts')).body.data as unknown as {
      alerts: { labels: unknown; value: string }[];
    };

    assert.deepEqual(
      alerts.map(({ labels }) => labels),
      [{ app_id: 'x' }, { app_id: 'y' }],
    );
    assert.equal(alerts[0]?.value, '1e+00');
  });

  it('shows a tenant only alerts and rules that carry its ids', async () => {
    await using site = await serveQuery({ federation: RULES, scope: TENANT });

    const { alerts } = (await site.get('alerts')).body.data as unknown as { alerts: unknown[] };
    const { groups } = (await site.get('rules')).body.data as unknown as RulesData;

    assert.equal(alerts.length, 1);
    assert.deepEqual(groups, []);
  });
});

describe('GET /api/v1/metadata', () => {
  const help = (text: string) => ({ type: 'counter', help: text, unit: '' });
  const federation = memoryFederation({
    groups: [
      {
        name: 'a',
        series: [series({ __name__: 'm', app_id: 'x' }, [[1, 1]])],
        answers: { metadata: { m: [help('one')], other: [help('secret')] } },
      },
      { name: 'b', answers: { metadata: { m: [help('two'), help('one')] } } },
    ],
  });

  it('joins the texts of all groups, each once', async () => {
    await using site = await serveQuery({ federation });

    assert.deepEqual((await site.get('metadata')).body.data, {
      m: [help('one'), help('two')],
      other: [help('secret')],
    });
    const cut = await site.get('metadata', { limit: '1', limit_per_metric: '1' });
    assert.deepEqual(cut.body.data, { m: [help('one')] });
    assert.equal((await site.get('metadata', { limit: 'x' })).status, 400);
  });

  it('shows a tenant only the metrics of its own series', async () => {
    await using site = await serveQuery({ federation, scope: TENANT });

    assert.deepEqual((await site.get('metadata')).body.data, { m: [help('one'), help('two')] });
  });
});

describe('what only operators see', () => {
  const federation = memoryFederation({
    groups: [
      {
        name: 'a',
        answers: {
          targets: {
            activeTargets: [
              { labels: { app_id: 'x' }, health: 'up' },
              { labels: {}, health: 'up' },
            ],
            droppedTargets: [{ discoveredLabels: { a: 'b' } }],
            droppedTargetCounts: { pool: 1 },
          },
          scrape_pools: { scrapePools: ['p', 'p'] },
          alertmanagers: { activeAlertmanagers: [{ url: 'http://a' }], droppedAlertmanagers: [] },
          'status/tsdb': {
            headStats: { numSeries: 2, numLabelPairs: 1, chunkCount: 3, minTime: 5, maxTime: 9 },
            seriesCountByMetricName: [{ name: 'up', value: 2 }],
          },
        },
      },
    ],
  });

  it('is all there for them', async () => {
    await using site = await serveQuery({ federation });
    const data = async (path: string) => (await site.get(path)).body.data as unknown;

    assert.deepEqual(await data('alertmanagers'), {
      activeAlertmanagers: [{ url: 'http://a' }],
      droppedAlertmanagers: [],
    });
    assert.deepEqual(await data('scrape_pools'), { scrapePools: ['p'] });
    const targets = (await data('targets')) as Record<string, unknown[]>;
    assert.equal(targets['activeTargets']?.length, 2);
    assert.deepEqual(targets['droppedTargetCounts'], { pool: 1 });
    const tsdb = (await data('status/tsdb')) as Record<string, Record<string, unknown>>;
    assert.equal(tsdb['headStats']?.['numSeries'], 2);
    for (const path of ['config', 'flags', 'runtimeinfo', 'walreplay', 'active_queries']) {
      assert.equal((await site.get(`status/${path}`)).status, 200, path);
    }
  });

  it('is refused to tenants, or filtered', async () => {
    await using site = await serveQuery({ federation, scope: TENANT });

    const { data } = (await site.get('targets')).body;
    assert.deepEqual(data, {
      activeTargets: [{ labels: { app_id: 'x' }, health: 'up' }],
      droppedTargets: [],
      droppedTargetCounts: {},
    });
    const closed = [
      'alertmanagers',
      'scrape_pools',
      'status/tsdb',
      'status/config',
      'status/flags',
    ];
    for (const path of [...closed, 'status/runtimeinfo', 'status/active_queries']) {
      const { status, body } = await site.get(path);
      assert.deepEqual([status, body.errorType], [403, 'forbidden'], path);
    }
    assert.equal((await site.get('status/buildinfo')).status, 200);
  });
});

describe('GET /api/v1/query_exemplars', () => {
  const exemplar = (timestamp: number) => ({
    labels: { trace_id: String(timestamp) },
    value: '1',
    timestamp,
  });
  const answer = (at: number) => ({
    query_exemplars: [{ seriesLabels: { __name__: 'm' }, exemplars: [exemplar(at), exemplar(1)] }],
  });
  const federation = memoryFederation({
    groups: [
      { name: 'a', answers: answer(3) },
      { name: 'b', answers: answer(2) },
    ],
  });

  it('joins the exemplars of a series by time, and asks by the selectors of the query', async () => {
    await using site = await serveQuery({ federation });

    const { body } = await site.get('query_exemplars', {
      query: 'rate(m[5m]) + n',
      start: '0',
      end: '9',
    });

    assert.deepEqual(body.data, [
      { seriesLabels: { __name__: 'm' }, exemplars: [exemplar(1), exemplar(2), exemplar(3)] },
    ]);
    assert.equal(federation.calls.at(-1)?.call.matchers.length, 2);
  });

  it('has nothing for a query without a selector, and needs times', async () => {
    await using site = await serveQuery({ federation });

    const nothing = await fetch(`${site.url}/api/v1/query_exemplars?query=1&start=0&end=1`);

    assert.equal(nothing.status, 204);
    assert.equal((await site.get('query_exemplars', { query: 'm' })).status, 400);
  });
});

describe('GET /api/v1/format_query and parse_query', () => {
  it('print an expression, and its tree', async () => {
    await using site = await serveQuery();

    const printed = await site.get('format_query', { query: 'sum( up )by(a)' });
    const tree = await site.get('parse_query', { query: '1 + 2' });
    const wrong = await site.get('parse_query', { query: '1 +' });

    assert.equal(printed.body.data, 'sum by (a) (up)');
    assert.equal((tree.body.data as unknown as { type: string }).type, 'binaryExpr');
    assert.equal(
      wrong.body.error,
      'invalid parameter "query": 1:4: parse error: unexpected end of input',
    );
  });
});
