import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { QueryScope } from '../../../src/query/federation.ts';
import { memoryFederation, series } from '../../support/memory-federation.ts';
import { serveQuery } from './query-site.ts';

const UP = memoryFederation({
  groups: [
    { name: 'a', series: [series({ __name__: 'up', job: 'a' }, [[990_000, 1]])] },
    { name: 'b', series: [series({ __name__: 'up', job: 'b' }, [[995_000, 0.5]])] },
  ],
});

describe('GET /api/v1/query', () => {
  it('answers with a vector of all groups, at the time that is asked for', async () => {
    await using site = await serveQuery({ federation: UP });

    const { status, body } = await site.get('query', { query: 'up', time: '1000.0501' });

    assert.equal(status, 200);
    assert.deepEqual(body, {
      status: 'success',
      data: {
        resultType: 'vector',
        result: [
          { metric: { __name__: 'up', job: 'a' }, value: [1000.05, '1'] },
          { metric: { __name__: 'up', job: 'b' }, value: [1000.05, '0.5'] },
        ],
      },
    });
  });

  it('answers now if no time is given, and reads RFC 3339', async () => {
    await using site = await serveQuery({ federation: UP });

    const now = await site.get('query', { query: 'vector(1)' });
    const then = await site.get('query', {
      query: 'vector(1)',
      time: '1970-01-01T00:00:01.5+00:00',
    });

    const time = ({ body }: typeof now): unknown =>
      (body.data as unknown as { result: { value: unknown[] }[] }).result[0]?.value[0];
    assert.equal(time(now), 1000);
    assert.equal(time(then), 1.5);
  });

  it('prints scalars, strings and range vectors', async () => {
    await using site = await serveQuery({ federation: UP });
    const data = async (query: string) => (await site.get('query', { query })).body.data;

    assert.deepEqual(await data('-1e-7'), { resultType: 'scalar', result: [1000, '-1e-07'] });
    assert.deepEqual(await data('"a<\\u00e9"'), { resultType: 'string', result: [1000, 'a<é'] });
    assert.deepEqual(await data('up{job="a"}[1m]'), {
      resultType: 'matrix',
      result: [{ metric: { __name__: 'up', job: 'a' }, values: [[990, '1']] }],
    });
  });

  it('cuts the result at the limit, and says so', async () => {
    await using site = await serveQuery({ federation: UP });

    const cut = await site.get('query', { query: 'up', limit: '1' });
    const whole = await site.get('query', { query: 'up', limit: '2' });

    assert.equal((cut.body.data as unknown as { result: unknown[] }).result.length, 1);
    assert.deepEqual(cut.body.warnings, ['results truncated due to limit']);
    assert.equal(whole.body.warnings, undefined);
  });

  it('tells the warnings and infos of the evaluation and of the federation', async () => {
    const federation = memoryFederation({ groups: [], warnings: ['b failed'], infos: ['a hole'] });
    await using site = await serveQuery({ federation });

    const { body } = await site.get('query', { query: 'quantile(2, vector(1))' });

    assert.equal(body.warnings?.[0], 'b failed');
    assert.match(body.warnings?.[1] ?? '', /quantile value should be between 0 and 1/);
    assert.deepEqual(body.infos, ['a hole']);
  });

  it('passes the bytes on that one server gives alone', async () => {
    const spliced = '{"status":"success","data":{"resultType":"vector","result":[]}}';
    await using site = await serveQuery({ federation: memoryFederation({ groups: [], spliced }) });

    const passed = await fetch(`${site.url}/api/v1/query?query=up`);
    const own = await site.get('query', { query: 'vector(1)', limit: '5' });

    assert.equal(await passed.text(), spliced);
    assert.notDeepEqual(own.body, JSON.parse(spliced));
  });

  it('evaluates itself where the settings of that server would count', async () => {
    const spliced = '{"status":"success","data":{"resultType":"vector","result":[]}}';
    const federation = memoryFederation({ groups: [], spliced });
    const isSpliced = async (query: string, lookbackMs: number) => {
      await using site = await serveQuery({ federation, settings: { lookbackMs } });
      const url = `${site.url}/api/v1/query?${new URLSearchParams({ query, stats: '' })}`;
      return (await (await fetch(url)).text()) === spliced;
    };

    assert.equal(await isSpliced('absent(up)', 300_000), true);
    assert.equal(await isSpliced('absent(up)', 10_000), false);
    assert.equal(await isSpliced('absent(max_over_time(up[5m:1m]))', 300_000), true);
    assert.equal(await isSpliced('absent(max_over_time(up[5m:]))', 300_000), false);
  });

  it('takes the parameters of a form', async () => {
    await using site = await serveQuery({ federation: UP });

    const answer = await fetch(`${site.url}/api/v1/query?time=1`, {
      method: 'POST',
      body: new URLSearchParams({ query: 'up{job="b"}', time: '1000' }),
    });

    const { data } = (await answer.json()) as { data: { result: unknown[] } };
    assert.equal(data.result.length, 1);
  });
});

describe('parameters of a query beyond Prometheus', () => {
  it('explain=1 tells what the query cost', async () => {
    await using site = await serveQuery({ federation: UP });

    const { body } = await site.get('query', { query: 'sum(up)', explain: '1', stats: 'all' });

    const { query, series: read, samples, asked } = body.explain ?? {};
    assert.deepEqual(
      { query, read, samples, asked },
      { query: 'sum(up)', read: 2, samples: 2, asked: [] },
    );
    const { stats } = body.data as unknown as { stats: { samples: Record<string, unknown> } };
    assert.equal(stats.samples['samplesRead'], 2);
    assert.deepEqual(stats.samples['samplesReadPerStep'], [[1000, 2]]);
  });

  it('stats warns of values that nobody knows', async () => {
    await using site = await serveQuery({ federation: UP });

    const odd = await site.get('query', { query: 'up', stats: 'some' });
    const known = await site.get('query', { query: 'up', stats: 'true' });

    assert.match(odd.body.warnings?.[0] ?? '', /unknown value "some" of the parameter stats/);
    assert.equal(known.body.warnings, undefined);
  });

  it('are taken as Thanos does', async () => {
    const seen: unknown[] = [];
    const federation = {
      ...UP,
      open: (scope: QueryScope) => {
        seen.push(scope);
        return UP.open(scope);
      },
    };
    await using site = await serveQuery({ federation });
    const parameters = { query: 'up', dedup: 'false', partial_response: 'true' };

    const taken = await site.get('query', { ...parameters, max_source_resolution: '5m' });
    const auto = await site.get('query', { ...parameters, max_source_resolution: 'auto' });
    const wrong = await site.get('query', { ...parameters, max_source_resolution: 'coarse' });

    assert.deepEqual([taken.status, auto.status, wrong.status], [200, 200, 400]);
    assert.deepEqual(seen[0], { tenants: [], partialResponse: true, dedup: false });
  });
});

describe('GET /api/v1/query_range', () => {
  it('answers with a matrix', async () => {
    await using site = await serveQuery({ federation: UP });
    const range = { start: '990', end: '1000', step: '5' };

    const { body } = await site.get('query_range', { query: 'up{job="b"} * 2', ...range });
    const number = await site.get('query_range', { query: '1', ...range });

    assert.deepEqual(body.data, {
      resultType: 'matrix',
      result: [
        {
          metric: { job: 'b' },
          values: [
            [995, '1'],
            [1000, '1'],
          ],
        },
      ],
    });
    assert.deepEqual(number.body.data, {
      resultType: 'matrix',
      result: [
        {
          metric: {},
          values: [
            [990, '1'],
            [995, '1'],
            [1000, '1'],
          ],
        },
      ],
    });
  });

  const refusals: readonly [what: string, parameters: Record<string, string>, error: RegExp][] = [
    [
      'no start',
      { end: '1', step: '1' },
      /^invalid parameter "start": cannot parse "" to a valid timestamp$/,
    ],
    [
      'an end before the start',
      { start: '2', end: '1', step: '1' },
      /^invalid parameter "end": end timestamp must not be before start time$/,
    ],
    [
      'no step',
      { start: '1', end: '2' },
      /^invalid parameter "step": cannot parse "" to a valid duration$/,
    ],
    [
      'a step of 0',
      { start: '1', end: '2', step: '0' },
      /^invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer$/,
    ],
    [
      'too many steps',
      { start: '0', end: '11001', step: '1' },
      /^exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution \(\?step=XX\)$/,
    ],
    [
      'a negative limit',
      { start: '1', end: '2', step: '1', limit: '-1' },
      /^invalid parameter "limit": limit must be non-negative$/,
    ],
    [
      'a wrong timeout',
      { start: '1', end: '2', step: '1', timeout: 'x' },
      /^invalid parameter "timeout": cannot parse "x" to a valid duration$/,
    ],
    [
      'no expression',
      { start: '1', end: '2', step: '1', query: 'up +' },
      /^invalid parameter "query": 1:5: parse error: unexpected end of input$/,
    ],
    [
      'a wrong flag',
      { start: '1', end: '2', step: '1', dedup: 'maybe' },
      /dedup.*say true or false/,
    ],
  ];
  for (const [what, parameters, error] of refusals) {
    it(`refuses ${what}`, async () => {
      await using site = await serveQuery({ federation: UP });

      const { status, body } = await site.get('query_range', { query: 'up', ...parameters });

      assert.equal(status, 400);
      assert.equal(body.errorType, 'bad_data');
      assert.match(body.error ?? '', error);
    });
  }
});

describe('the errors of the query API', () => {
  it('have the status of their kind', async () => {
    await using site = await serveQuery({ federation: UP, settings: { maxSamples: 1 } });

    const many = await site.get('query', { query: 'up' });
    const nowhere = await site.get('nothing');
    const method = await fetch(`${site.url}/api/v1/query`, { method: 'DELETE' });

    assert.equal(many.status, 422);
    assert.equal(many.body.errorType, 'execution');
    assert.match(many.body.error ?? '', /too many samples.*query\.max_samples: 1\)$/);
    assert.deepEqual([nowhere.status, nowhere.body.errorType], [404, 'not_found']);
    assert.equal(method.status, 405);
    assert.deepEqual(site.mistakes, []);
  });

  it('hide the cause of a fault, and report it', async () => {
    const federation = { ...UP, open: () => assert.fail('broken inside') };
    await using site = await serveQuery({ federation });

    const { status, body } = await site.get('query', { query: 'up' });

    assert.deepEqual([status, body.errorType], [500, 'internal']);
    assert.doesNotMatch(body.error ?? '', /broken inside/);
    assert.equal(site.mistakes.length, 1);
  });

  it('are a timeout when the deadline of the reader comes', async () => {
    const federation = memoryFederation({
      groups: [],
      hold: async (signal) => {
        if (signal && !signal.aborted) await once(signal, 'abort');
      },
    });
    await using site = await serveQuery({ federation });

    const { status, body } = await site.get('query', { query: 'up', timeout: '1ms' });

    assert.deepEqual([status, body.errorType], [503, 'timeout']);
    assert.match(
      body.error ?? '',
      /timed out in expression evaluation \(query\.timeout or the parameter timeout: 0\.001 s\)$/,
    );
  });
});
