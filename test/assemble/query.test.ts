/** The query API in the whole program: the configuration, the groups, the engine and the answers. */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { series } from '../support/memory-federation.ts';
import { startPromgate } from '../support/promgate.ts';
import { startQueryServer } from '../support/query-server.ts';

const AT = 1_700_000_000;
const samples = Array.from({ length: 40 }, (_, at): [number, number] => [
  (AT - 600 + at * 15) * 1000,
  at * 15,
]);
const of = (job: string) => series({ __name__: 'requests_total', job }, samples);

function groupOf(url: string, more: object = {}) {
  return { static_configs: [{ targets: [new URL(url).host] }], ...more };
}

interface Body {
  readonly status: string;
  readonly data: { readonly result: readonly unknown[] };
  readonly error?: string;
  readonly warnings?: readonly string[];
}

describe('the query API of promgate', () => {
  it('answers from the servers of all groups', async () => {
    await using first = await startQueryServer({ series: [of('a')] });
    await using second = await startQueryServer({ series: [of('b')], remoteRead: false });
    await using promgate = await startPromgate({
      apps: [],
      values: {
        query: {
          server_groups: [
            groupOf(first.url, { labels: { shard: '1' } }),
            groupOf(second.url, { labels: { shard: '2' } }),
          ],
        },
      },
    });
    const ask = async (path: string) => (await promgate.get(path)).json() as Promise<Body>;

    const instant = await ask(
      `/api/v1/query?query=${encodeURIComponent('sum by (shard, job) (rate(requests_total[5m]))')}&time=${AT}`,
    );
    const range = await ask(
      `/api/v1/query_range?query=sum(requests_total)&start=${AT - 60}&end=${AT - 30}&step=30`,
    );
    const listed = await ask('/api/v1/label/shard/values');
    const federated = await promgate.text(`/federate?match[]=requests_total`);

    assert.deepEqual(instant.data.result, [
      { metric: { job: 'a', shard: '1' }, value: [AT, '1'] },
      { metric: { job: 'b', shard: '2' }, value: [AT, '1'] },
    ]);
    assert.deepEqual(range.data.result, [
      {
        metric: {},
        values: [
          [AT - 60, '1080'],
          [AT - 30, '1140'],
        ],
      },
    ]);
    assert.deepEqual(listed.data, ['1', '2']);
    assert.equal(federated, ''); // the samples are old
  });

  it('tells of a dead group, and answers without it if the reader wants that', async () => {
    await using first = await startQueryServer({ series: [of('a')] });
    const query = {
      server_groups: [
        groupOf(first.url, { labels: { shard: '1' } }),
        groupOf('http://127.0.0.1:1', { name: 'dead', labels: { shard: '2' } }),
      ],
    };
    await using promgate = await startPromgate({ apps: [], values: { query } });
    const path = `/api/v1/query?query=requests_total&time=${AT}`;

    const whole = await promgate.get(path);
    const partial = await promgate.get(`${path}&partial_response=true`);

    const refusal = (await whole.json()) as Body;
    assert.equal(whole.status, 422);
    assert.match(refusal.error ?? '', /group "dead"/);
    const told = (await partial.json()) as Body;
    assert.equal(told.data.result.length, 1);
    assert.match(told.warnings?.[0] ?? '', /group "dead"/);
    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^server_group_targets\{ordinal="1",name="dead"\} 1$/m);
    assert.match(metrics, /^promgate_query_errors_total\{type="execution"\} 1$/m);
    assert.match(metrics, /^promgate_query_incomplete_total 1$/m);
    assert.match(
      metrics,
      /^server_group_request_duration_seconds_count\{host="[^"]+",call="read",status="success"\} 2$/m,
    );
  });

  it('shows its own state, and a slow query in the log', async () => {
    await using first = await startQueryServer({ series: [of('a')] });
    const query = { slow_query: '1ms', server_groups: [groupOf(first.url)] };
    await using promgate = await startPromgate({ apps: [], values: { query } });

    await promgate.text(`/api/v1/query?query=requests_total%2B0&time=${AT}`);

    const line = await eventually('the log line', () =>
      promgate.log.find(({ message }) => message.startsWith('a query was slow')),
    );
    assert.equal(line.fields['query'], 'requests_total+0');
    assert.equal((await promgate.get('/-/ready')).status, 200);
    assert.equal(await promgate.text('/-/healthy'), 'promgate is Healthy.\n');
    assert.match(await promgate.text('/readyz'), /query/);
    const shown = (await (await promgate.get('/status/overview')).json()) as {
      readonly mentions: Readonly<Record<string, string>>;
      readonly figures: Readonly<Record<string, readonly { value: number }[]>>;
    };
    assert.equal(shown.mentions['query'], 'ready');
    assert.equal(shown.figures['promgate_query_server_up']?.[0]?.value, 1);
  });

  it('passes the bytes of a single server on, and evaluates what changes them', async () => {
    await using only = await startQueryServer({ series: [of('a')] });
    await using promgate = await startPromgate({
      apps: [],
      values: { query: { server_groups: [groupOf(only.url)] } },
    });
    const path = `/api/v1/query_range?query=rate(requests_total%5B1m%5D)&start=${AT - 300}&end=${AT - 60}&step=15`;

    const passed = await promgate.text(path);
    const asked = only.requests.map((request) => request.path);
    const direct = await (await fetch(only.url + path)).text();
    const own = (await (await promgate.get(`${path}&explain=1`)).json()) as Body;

    assert.equal(passed, direct);
    assert.ok(asked.includes('query_range') && !asked.includes('read'));
    assert.ok(only.requests.some((request) => request.path === 'read'));
    assert.deepEqual(own.data, (JSON.parse(direct) as Body).data);
  });

  it('counts what label_filter spares a group, by the names of Promxy', async () => {
    await using only = await startQueryServer({ series: [of('a')] });
    const filter = { label_filter: { static_labels_include: { job: ['a'] } } };
    const query = { server_groups: [groupOf(only.url, { name: 'g', ...filter })] };
    await using promgate = await startPromgate({ apps: [], values: { query } });

    await promgate.text(`/api/v1/query?query=requests_total%7Bjob=%22b%22%7D&time=${AT}`);

    const metrics = await promgate.text('/metrics');
    assert.match(metrics, /^promxy_label_filter_filtered_count_total\{name="g"\} [1-9]/m);
    assert.equal(
      only.requests.some(({ path }) => path === 'read' || path === 'query'),
      false,
    );
  });

  it('asks for a credential as Prometheus does not, and answers errors as it does', async () => {
    await using only = await startQueryServer({ series: [of('a')] });
    const auth = {
      mode: 'basic',
      operators: [{ username: 'grafana', password: 'a good password' }],
    };
    const query = { server_groups: [groupOf(only.url)] };
    await using promgate = await startPromgate({ apps: [], values: { auth, query } });
    const headers = { Authorization: `Basic ${btoa('grafana:a good password')}` };
    const path = `/api/v1/query?query=requests_total&time=${AT}`;

    const refused = await promgate.get(path);
    const answered = await promgate.get(path, { headers });
    const preflight = await promgate.get(path, {
      method: 'OPTIONS',
      headers: { Origin: 'https://a' },
    });

    assert.equal(refused.status, 401);
    assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic/);
    assert.equal(((await refused.json()) as { errorType: string }).errorType, 'unauthorized');
    assert.equal(answered.status, 200);
    assert.equal(preflight.status, 204);
    assert.equal((await promgate.get('/federate?match[]=up')).status, 401);
    assert.equal((await promgate.get('/-/healthy')).status, 200);
  });

  it('ends an answer that a single server begins and never ends', async () => {
    await using only = await startQueryServer({ series: [of('a')] });
    await using promgate = await startPromgate({
      apps: [],
      values: { query: { server_groups: [groupOf(only.url)] } },
    });
    only.faults = { stallAfterBytes: 100 };

    const answer = await promgate.get(`/api/v1/query?query=requests_total&time=${AT}&timeout=1s`);

    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /"timeout".*query\.timeout or the parameter timeout: 1 s/);
    only.faults = {};
    const active = (await (await promgate.get('/api/v1/status/active_queries')).json()) as {
      readonly data: { readonly queries: readonly unknown[] };
    };
    assert.deepEqual(active.data.queries, []);
  });
});
