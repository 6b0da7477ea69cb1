import assert from 'node:assert/strict';
import { compress } from 'snappyjs';
import { writeStale } from '../../../src/promql/evaluate/stale.ts';
import { eventually } from '../../support/eventually.ts';
import { memoryFederation, series } from '../../support/memory-federation.ts';
import { startPrometheus } from '../../support/prometheus.ts';
import { requireProgram } from '../../support/require-program.ts';
import { serveQuery } from './query-site.ts';

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
});
