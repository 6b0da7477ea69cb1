import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { compress } from 'snappyjs';
import { writeStale } from '../../../src/promql/evaluate/stale.ts';
import { readRequest } from '../../../src/query/target/read-request.ts';
import { QueryDesk } from '../../../src/serve/query/desk.ts';
import type { Scope } from '../../../src/serve/scope.ts';
import { eventually } from '../../support/eventually.ts';
import { memoryFederation, series } from '../../support/memory-federation.ts';
import { startPrometheus } from '../../support/prometheus.ts';
import { requireProgram } from '../../support/require-program.ts';
import { type QuerySite, serveQuery } from './query-site.ts';

/** 1,000 samples, one each 15 s, until now; then a stale marker. */
function counter(nowMs: number) {
  const samples = Array.from({ length: 1_000 }, (_, at): [number, number] => [
    nowMs - (1_000 - at) * 15_000 + ((at * 7) % 5),
    at * 1.5 + (at % 7) / 3,
  ]);
  const block = series({ job: 'a', __name__: 'requests_total' }, samples);
  writeStale(block.values, 999);
  return { samples, block };
}

describe('POST /api/v1/read', () => {
  it('lets a real Prometheus read from here', async function () {
    this.timeout(60_000);
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const { block, samples } = counter(nowMs);
    const gauge = series({ __name__: 'temperature', room: 'a' }, [
      [nowMs - 30_000, -12.25],
      [nowMs - 1_000, Number.POSITIVE_INFINITY],
    ]);
    const federation = memoryFederation({ groups: [{ name: 'all', series: [block, gauge] }] });
    await using site = await serveQuery({ federation });
    await using prometheus = await startPrometheus({
      program: requireProgram(this, 'prometheus'),
      config: { remote_read: [{ url: `${site.url}/api/v1/read`, read_recent: true }] },
    });

    const all = await eventually('the samples', async () => {
      const data = (await prometheus.api(
        `/api/v1/query?query=${encodeURIComponent('requests_total{job=~"a|b"}[10h]')}&time=${nowMs / 1000}`,
      )) as { result: { metric: unknown; values: [number, string][] }[] };
      return data.result[0];
    });

    assert.deepEqual(all.metric, { __name__: 'requests_total', job: 'a' });
    assert.deepEqual(
      all.values,
      samples.slice(0, 999).map(([timeMs, value]) => [timeMs / 1000, String(value)]),
    );
    assert.deepEqual(await prometheus.query('temperature', nowMs / 1000), [
      {
        labels: { __name__: 'temperature', room: 'a' },
        timestampSeconds: nowMs / 1000,
        value: '+Inf',
      },
    ]);
    assert.deepEqual(await prometheus.query('requests_total', nowMs / 1000), []); // it is stale
    assert.deepEqual(site.mistakes, []);
  });

  it('refuses what is no request, and more samples than the bound', async () => {
    const { block } = counter(1_000_000_000);
    const federation = memoryFederation({ groups: [{ name: 'all', series: [block] }] });
    await using site = await serveQuery({ federation, settings: { maxSamples: 999 } });
    const post = async (body: Buffer) => {
      const answer = await fetch(`${site.url}/api/v1/read`, { method: 'POST', body });
      return `${answer.status} ${await answer.text()}`;
    };
    const everything = Buffer.from([
      ...[10, 22, 8, 0, 16, 128, 200, 175, 160, 37], // one query, from 0 to 1e10 ms
      ...[26, 12, 8, 1, 18, 8, ...Buffer.from('__name__')], // __name__!=""
    ]);

    assert.match(await post(Buffer.from('nonsense')), /^400 .*no block of Snappy/);
    assert.match(await post(compress(Buffer.from([10, 200]))), /^400 .*does not end/);
    assert.match(await post(compress(Buffer.from([10, 20, 1]))), /^400 .*longer than it/);
    assert.match(await post(compress(everything)), /^400 .*query\.max_samples: 999/);
    assert.deepEqual(site.mistakes, []);
  });

  it('lists what a request asks for, once it is decoded', async () => {
    const ended: string[] = [];
    const limits = () => ({ maxConcurrent: 1, maxQueued: 1, timeoutMs: 30_000 });
    const desk = new QueryDesk({ limits, onEnd: ({ query }) => ended.push(query) });
    await using site = await serveQuery({ more: { desk } });
    const matchers = [
      { name: 'job', op: '=', value: 'a' },
      { name: 'path', op: '!~', value: 'x"y' },
    ] as const;
    const range = { afterMs: 0, untilMs: 1_000 };
    const body = readRequest({ matchers, range, hints: { function: '', stepMs: 0, rangeMs: 0 } });

    const answer = await fetch(`${site.url}/api/v1/read`, { method: 'POST', body });

    assert.equal(answer.status, 200);
    await eventually('the end', () => Promise.resolve(ended[0]));
    assert.deepEqual(ended, ['{job="a",path!~"x\\"y"}']);
  });

  it('refuses a request of more than 1 MiB, and one of more than 4 MiB decompressed', async () => {
    await using site = await serveQuery();
    const post = async (body: Buffer) => {
      const answer = await fetch(`${site.url}/api/v1/read`, { method: 'POST', body });
      return `${answer.status} ${await answer.text()}`;
    };

    assert.match(await post(Buffer.alloc(1_048_577)), /^400 .*larger than 1048576 bytes/);
    assert.match(await post(compress(Buffer.alloc(4_194_305))), /^400 .*more than 4194304 bytes/);
    assert.deepEqual(site.mistakes, []);
  });

  it('bounds the bodies of all readers that have not ended, and frees their room', async () => {
    await using site = await serveQuery();
    const { holders, refusal } = await fillWithBodies(site, 17);

    assert.match(refusal, /"overloaded","error":"the bodies of requests.*try again/);
    for (const socket of holders) socket.destroy();
    await eventually('room', async () => (await askNothing(site)).startsWith('200') || undefined);
    assert.deepEqual(site.mistakes, []);
  });

  it('bounds the bodies of a tenant to half, and reads those of others', async () => {
    const scope = { spaceId: 'a0a0a0a0-0000-4000-8000-000000000001' } as Scope;
    await using tenant = await serveQuery({ scope });
    await using other = await serveQuery();
    const { holders, refusal } = await fillWithBodies(tenant, 9);

    assert.match(refusal, /"overloaded"/);
    assert.match(await askNothing(other), /^200/);
    for (const socket of holders) socket.destroy();
    await eventually('room', async () => (await askNothing(tenant)).startsWith('200') || undefined);
  });
});

async function askNothing({ url }: QuerySite): Promise<string> {
  const body = compress(Buffer.alloc(0));
  const answer = await fetch(`${url}/api/v1/read`, { method: 'POST', body });
  return `${answer.status} ${await answer.text()}`;
}

/** Sends bodies that never end, until a further one is refused. */
async function fillWithBodies(site: QuerySite, count: number) {
  const holders = Array.from({ length: count }, () =>
    connect(Number(new URL(site.url).port), '127.0.0.1'),
  );
  const head = 'POST /api/v1/read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n';
  const part = Buffer.alloc(1_000_000);
  for (const socket of holders) {
    socket.on('error', () => undefined); // the last is refused while it sends
    socket.write(head);
    socket.write(part);
  }
  const refusal = await eventually('a refusal', async () => {
    const text = await askNothing(site);
    return text.startsWith('503') ? text : undefined;
  });
  return { holders, refusal };
}
