/** The client libraries for Pushgateway, unchanged: npm's prom-client and Debian's for Python. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Counter, Gauge, Histogram, Pushgateway, Registry } from 'prom-client';
import { SLOW_MS } from '../support/limits.ts';
import { requireFile } from '../support/require-program.ts';
import { type PushServer, servePush } from './push-server.ts';

const run = promisify(execFile);

/** The series of the gateway without those about groups and without what changes. */
function series(gate: PushServer): string[] {
  return gate.lines().filter((line) => !/^push_|_created/.test(line));
}

describe('prom-client', () => {
  it('pushes, pushes in addition, and deletes', async () => {
    await using gate = await servePush({ base: '' });
    const register = new Registry();
    const registers = [register];
    const jobs = new Counter({ name: 'jobs_total', help: 'Jobs.', registers });
    const last = new Gauge({ name: 'last', help: 'Last.', labelNames: ['kind'], registers });
    const gateway = new Pushgateway(gate.url, {}, register);

    jobs.inc(3);
    last.set({ kind: 'a b' }, 4.5);
    await gateway.push({ jobName: 'batch', groupings: { instance: 'i1' } });
    assert.deepEqual(series(gate), [
      'jobs_total{instance="i1",job="batch"} 3',
      'last{instance="i1",job="batch",kind="a b"} 4.5',
    ]);

    register.removeSingleMetric('last');
    jobs.inc();
    await gateway.pushAdd({ jobName: 'batch', groupings: { instance: 'i1' } });
    assert.deepEqual(series(gate), [
      'jobs_total{instance="i1",job="batch"} 4',
      'last{instance="i1",job="batch",kind="a b"} 4.5',
    ]);

    await gateway.push({ jobName: 'batch', groupings: { instance: 'i1' } });
    assert.deepEqual(series(gate), ['jobs_total{instance="i1",job="batch"} 4']);

    await gateway.delete({ jobName: 'batch', groupings: { instance: 'i1' } });
    assert.deepEqual(series(gate), []);
  });

  it('adds up to the gateway of cf-workers without a job', async () => {
    await using gate = await servePush();
    const register = new Registry();
    new Counter({ name: 'jobs_total', help: 'Jobs.', registers: [register] }).inc(3);
    new Histogram({ name: 'h', help: 'H.', buckets: [1], registers: [register] }).observe(0.5);
    const gateway = new Pushgateway<'text/plain; version=0.0.4; charset=utf-8'>(
      `${gate.url}/push`,
      { requireJobName: false },
      register,
    );

    await gateway.pushAdd({ jobName: '' });
    await gateway.pushAdd({ jobName: '' });

    assert.deepEqual(series(gate), [
      'h_bucket{le="+Inf"} 2',
      'h_bucket{le="1"} 2',
      'h_count 2',
      'h_sum 1',
      'jobs_total 6',
    ]);
  });

  it('is told of an error', async () => {
    await using gate = await servePush({ base: '' });
    await gate.send('PUT', '/job/other', '# TYPE jobs_total gauge\njobs_total 1\n');
    const register = new Registry();
    new Counter({ name: 'jobs_total', help: 'Jobs.', registers: [register] }).inc();

    const pushed = new Pushgateway(gate.url, {}, register).push({ jobName: 'batch' });

    await assert.rejects(pushed, /status 400/);
  });
});

const PYTHON = `
import sys
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import push_to_gateway, pushadd_to_gateway, delete_from_gateway
url = sys.argv[1]
registry = CollectorRegistry()
jobs = Counter('jobs', 'Jobs.', registry=registry)
last = Gauge('last', 'Last "one".', ['kind'], registry=registry)
took = Histogram('took', 'Took.', registry=registry, buckets=(1, 2))
jobs.inc(3)
last.labels('a "b"').set(4.5)
took.observe(1.5)
key = {'instance': 'a/b', 'empty': '', 'stage': 'one'}
push_to_gateway(url, job='x/y', registry=registry, grouping_key=key)
push_to_gateway(url, job='plain', registry=registry)
push_to_gateway(url, job='gone', registry=registry, grouping_key=key)
other = CollectorRegistry()
Gauge('only', 'Only.', registry=other).set(1)
pushadd_to_gateway(url, job='plain', registry=other)
delete_from_gateway(url, job='gone', grouping_key=key)
try:
    push_to_gateway(url, job='', registry=registry)
except Exception as error:
    print(type(error).__name__, error)
`;

/** What a push of the whole registry leaves. @param kind - the labels of the gauge, sorted */
function written(labels: string, kind: string): string[] {
  return [
    ...[`jobs_total{${labels}} 3`, `last{${kind}} 4.5`],
    ...[`took_bucket{${labels},le="+Inf"} 1`, `took_bucket{${labels},le="1"} 0`],
    ...[`took_bucket{${labels},le="2"} 1`, `took_count{${labels}} 1`, `took_sum{${labels}} 1.5`],
  ];
}

describe("Debian's client for Python", function () {
  this.timeout(SLOW_MS);

  it('pushes, pushes in addition, and deletes, with values of every kind in the path', async function () {
    requireFile(this, '/usr/lib/python3/dist-packages/prometheus_client/__init__.py');
    await using gate = await servePush({ base: '' });

    const { stdout } = await run('/usr/bin/python3', ['-c', PYTHON, gate.url]);

    const kind = 'kind="a \\"b\\""';
    const group = 'empty="",instance="a/b",job="x/y"';
    const wanted = [
      ...written(`${group},stage="one"`, `${group},${kind},stage="one"`),
      ...written('instance="",job="plain"', `instance="",job="plain",${kind}`),
      'only{instance="",job="plain"} 1',
    ];
    assert.deepEqual(series(gate), wanted.sort());
    assert.equal(stdout, 'HTTPError HTTP Error 400: Bad Request\n');
    assert.deepEqual(gate.mistakes, []);
  });
});
