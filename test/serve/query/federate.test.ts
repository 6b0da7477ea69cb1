import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeStale } from '../../../src/promql/evaluate/stale.ts';
import { eventually } from '../../support/eventually.ts';
import { memoryFederation, series } from '../../support/memory-federation.ts';
import { startPrometheus } from '../../support/prometheus.ts';
import { requireProgram } from '../../support/require-program.ts';
import { serveQuery } from './query-site.ts';

const gone = series({ __name__: 'gone' }, [
  [900_000, 1],
  [999_000, 1],
]);
writeStale(gone.values, 1);
const SERIES = [
  series({ __name__: 'up', job: 'b', instance: 'h:1' }, [
    [990_000, 0],
    [995_500, 1],
  ]),
  series({ __name__: 'a_total', path: 'x"\n\\', é: 'y' }, [[999_999, 1e21]]),
  series({ __name__: 'old' }, [[600_000, 1]]),
  gone,
];

async function page(parameters: string, more: Parameters<typeof serveQuery>[0] = {}) {
  const federation = memoryFederation({ groups: [{ name: 'all', series: SERIES }] });
  await using site = await serveQuery({ federation, ...more });
  const answer = await fetch(`${site.url}/federate${parameters}`);
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    text: await answer.text(),
  };
}

describe('GET /federate', () => {
  it('is a page of the newest samples, by name, without stale ones', async () => {
    const { status, type, text } = await page('?match[]={__name__!=""}&match[]=up');

    assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
    assert.equal(
      text,
      '# TYPE a_total untyped\n' +
        'a_total{instance="",path="x\\"\\n\\\\",_="y"} 1000000000000000000000 999999\n' +
        '# TYPE up untyped\n' +
        'up{instance="h:1",job="b"} 1 995500\n',
    );
  });

  it('adds external labels where they are missing, and is empty without a selector', async () => {
    const more = { externalLabels: () => ({ job: 'own', region: 'eu' }) };

    const { text } = await page('?match[]=up', { more });
    const nothing = await page('');

    assert.match(text, /^up\{instance="h:1",job="b",region="eu"\} 1 995500$/m);
    assert.deepEqual([nothing.status, nothing.text], [200, '']);
  });

  it('has histograms with custom buckets as classic ones, and no native ones', async () => {
    const histogram = {
      ...{
        schema: -53,
        zeroThreshold: 0,
        zeroCount: 0,
        count: 6,
        sum: 9,
        hint: 'unknown' as const,
      },
      positive: { indices: [0, 2], counts: [1, 5] },
      ...{ negative: { indices: [], counts: [] }, customValues: [1, 2.5] },
    };
    const block = series({ __name__: 'h' }, [[990_000, 0]]);
    const native = series({ __name__: 'n' }, [[990_000, 0]]);
    const federation = memoryFederation({
      groups: [
        {
          name: 'all',
          series: [
            { ...block, histograms: [histogram] },
            { ...native, histograms: [{ ...histogram, schema: 0, customValues: [] }] },
          ],
        },
      ],
    });

    const { text } = await page('?match[]={__name__!=""}', { federation });

    assert.deepEqual(text.split('\n'), [
      '# TYPE h histogram',
      'h_bucket{instance="",le="1"} 1 990000',
      'h_bucket{instance="",le="2.5"} 1 990000',
      'h_bucket{instance="",le="+Inf"} 6 990000',
      'h_sum{instance=""} 9 990000',
      'h_count{instance=""} 6 990000',
      '',
    ]);
  });

  it('is a page that promtool reads', async function () {
    const promtool = requireProgram(this, 'promtool');

    const { text } = await page('?match[]={__name__!=""}');

    const { stderr } = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.doesNotMatch(stderr, /error while linting/);
  });

  it('is scraped by a real Prometheus with times and labels as they are', async function () {
    this.timeout(60_000);
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const own = series({ __name__: 'up_below', job: 'b', instance: 'h:1' }, [[nowMs - 3_000, 7]]);
    const federation = memoryFederation({ groups: [{ name: 'all', series: [own] }] });
    await using site = await serveQuery({ federation, more: { nowMs: () => nowMs } });
    const scrape = {
      ...{ job_name: 'f', honor_labels: true, metrics_path: '/federate', scrape_interval: '1s' },
      params: { 'match[]': ['{job="b"}'] },
      static_configs: [{ targets: [`127.0.0.1:${site.port}`] }],
    };
    await using prometheus = await startPrometheus({
      program: requireProgram(this, 'prometheus'),
      config: { scrape_configs: [scrape] },
    });

    const found = await eventually('the sample', async () => {
      const [one] = await prometheus.query('timestamp(up_below)', nowMs / 1000 + 1);
      return one;
    });

    assert.equal(found.value, String(nowMs / 1000 - 3));
    assert.deepEqual(found.labels, { instance: 'h:1', job: 'b' });
  });
});
