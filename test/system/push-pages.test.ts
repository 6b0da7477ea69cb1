/** Real readers of the pages of pushed metrics: Prometheus, promtool and curl. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import fc from 'fast-check';
import type { PageStyle } from '../../src/push/page/page-plan.ts';
import { Admission } from '../../src/serve/admission.ts';
import { createPushPages } from '../../src/serve/push-page.ts';
import { changes, ledgerOf } from '../push/page/arbitrary-ledgers.ts';
import { PageLedger } from '../push/page/page-ledger.ts';
import { newRenderer, pageOf } from '../push/page/pages.ts';
import { type FrameServer, serveFrame } from '../serve/frame-server.ts';
import { OPENMETRICS_TYPE, TEXT_TYPE } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { judgePages } from '../support/oracle.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { requireProgram } from '../support/require-program.ts';
import { printSeries } from '../support/verdicts.ts';

const golden = new URL('../push/page/golden/', import.meta.url);
const PROTOBUF_TYPE =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
/** Debian's Prometheus takes no UTF-8 names in text. */
const STYLES: readonly (readonly [PageStyle, contentType: string])[] = [
  [{ format: 'text', escaping: 'underscores' }, TEXT_TYPE],
  [{ format: 'openmetrics', escaping: 'underscores' }, OPENMETRICS_TYPE],
  [{ format: 'protobuf', escaping: 'underscores' }, PROTOBUF_TYPE],
];

/** The ledgers of the golden cases. */
function goldenLedgers(): [name: string, PageLedger][] {
  return readdirSync(golden).map((name) => {
    const ledger = new PageLedger();
    const folder = new URL(`${name}/`, golden);
    for (const file of readdirSync(folder).filter((one) => one.startsWith('in-'))) {
      const tenant = file.replace(/^in-(.*)\.txt$/, '$1').replace('_', '');
      ledger.putPage(tenant, readFileSync(new URL(file, folder), 'utf8'));
    }
    return [name, ledger];
  });
}

function counters(metrics: number): PageLedger {
  const ledger = new PageLedger();
  for (let at = 0; at < metrics; at++) {
    const family = ledger.family('', `batch_${at % 20}_total`);
    family.type = 'counter';
    const values = [at];
    ledger.put(family, `job="${at}"`, { bounds: [], values, native: undefined });
  }
  return ledger;
}

async function serve(ledger: PageLedger): Promise<FrameServer> {
  const pages = createPushPages({
    ...{ source: ledger, tenantOf: () => undefined, maxKeptBytes: 10_000_000 },
    ...{ maxTimeoutMs: 60_000, stallMs: 60_000, admission: new Admission({ maxRequests: 8 }) },
  });
  return await serveFrame({
    routes: [{ name: 'push-page', path: '/push/metrics', handle: pages.metrics }],
  });
}

function scrapeConfig(server: FrameServer): Record<string, unknown> {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        ...{ job_name: 'push', metrics_path: '/push/metrics', honor_labels: true },
        static_configs: [{ targets: [new URL(server.url).host] }],
      },
    ],
  };
}

function ledgerOfPage(page: string): PageLedger {
  const ledger = new PageLedger();
  ledger.putPage('', page);
  return ledger;
}

/** `io.prometheus.client.Histogram`: 3 observations, sum 4.5, schema 0, one bucket of 2 and one of 1. */
const NATIVE = Buffer.concat([
  Buffer.from([0x08, 3]), // sample_count
  Buffer.from([0x11, 0, 0, 0, 0, 0, 0, 0x12, 0x40]), // sample_sum
  Buffer.from([0x28, 0]), // schema
  Buffer.from([0x31, 0, 0, 0, 0, 0, 0, 0, 0]), // zero_threshold
  Buffer.from([0x38, 0]), // zero_count
  Buffer.from([0x62, 4, 0x08, 0, 0x10, 2]), // positive_span: offset 0, length 2
  Buffer.from([0x6a, 2, 4, 1]), // positive_delta: 2, -1
]);

describe('readers of pushed metrics', function () {
  this.timeout(SLOW_MS);

  it('Prometheus takes the pages of every format, and reads the same series from each', async function () {
    const program = requireProgram(this, 'prometheus');
    const cases = goldenLedgers();
    const pages = await Promise.all(
      cases.flatMap(([, ledger]) =>
        STYLES.map(async ([style, contentType]) => ({
          bytes: await pageOf(newRenderer(ledger), style),
          contentType,
        })),
      ),
    );

    const judgements = await judgePages(program, pages, Date.now());

    cases.forEach(([name], at) => {
      const found = judgements.slice(at * STYLES.length, (at + 1) * STYLES.length);
      for (const { up, error, samples, series } of found) {
        assert.ok(up, `${name}: ${error}`);
        assert.equal(samples, series.length, `${name}: ${series.map(printSeries).join('\n')}`);
      }
      const [inText, inOpenMetrics, inProtobuf] = found.map(({ series }) =>
        series
          .map(printSeries)
          .map(comparable)
          .filter((one) => !/_created[ {]/.test(one))
          .sort(),
      );
      assert.deepEqual(inOpenMetrics, inText, name);
      // Prometheus has a sum for each histogram in protobuf.
      const known = inProtobuf?.filter((one) => !/_sum\b.* NaN$/.test(one));
      assert.deepEqual(known, inText, name);
    });
  });

  it('Prometheus takes whatever tenants have pushed, and no series twice', async function () {
    const program = requireProgram(this, 'prometheus');
    const ledgers = fc.sample(fc.array(changes, { maxLength: 30 }), 100).map(ledgerOf);
    const pages = await Promise.all(
      ledgers.flatMap((ledger) =>
        STYLES.map(async ([style, contentType]) => ({
          bytes: await pageOf(newRenderer(ledger), style),
          contentType,
        })),
      ),
    );

    const judgements = await judgePages(program, pages, Date.now());

    judgements.forEach(({ up, error, samples, series }, at) => {
      const page = pages[at]!; // a judgement for each page
      assert.ok(up, `${error}\n${page.bytes}`);
      assert.equal(samples, series.length, `${page.contentType}\n${page.bytes}`);
    });
  });

  it('Prometheus asks for protobuf, and gets native histograms and creation times', async function () {
    const program = requireProgram(this, 'prometheus');
    const ledger = ledgerOfPage('# TYPE jobs_total counter\njobs_total 3\n');
    const family = ledger.family('', 'took_seconds');
    family.type = 'histogram';
    ledger.put(family, 'job="a"', { bounds: [], values: [3, 4.5], native: NATIVE });
    await using server = await serve(ledger);
    await using prometheus = await startPrometheus({
      ...{ program, config: scrapeConfig(server), args: ['--enable-feature=native-histograms'] },
    });

    const count = await eventually('the histogram to be there', async () => {
      const [found] = await prometheus.query('histogram_count(took_seconds{job="a"})');
      return found?.value;
    });
    const [sum] = await prometheus.query('histogram_sum(took_seconds)');
    const [jobs] = await prometheus.query('jobs_total');

    assert.deepEqual([count, sum?.value, jobs?.value], ['3', '4.5', '3']);
  });

  it('promtool finds nothing that is not well-formed in text', async function () {
    const program = requireProgram(this, 'promtool');
    for (const [name, ledger] of goldenLedgers()) {
      const page = await pageOf(newRenderer(ledger), STYLES[0]![0]); // text is first
      const tool = spawn(program, ['check', 'metrics'], { stdio: ['pipe', 'ignore', 'pipe'] });
      tool.stdin.end(page);
      const said = await text(tool.stderr);
      assert.doesNotMatch(said, /error while|parsing error/i, `${name}: ${said}`);
    }
  });

  it('Prometheus scrapes thousands of series, compressed', async function () {
    const program = requireProgram(this, 'prometheus');
    const ledger = counters(5_000);
    await using server = await serve(ledger);
    await using prometheus = await startPrometheus({ program, config: scrapeConfig(server) });

    const [target] = await prometheus.scrapedTargets(1);
    const sum = await eventually('the series to be there', async () => {
      const [found] = await prometheus.query('sum({__name__=~"batch_.*_total"})');
      return found?.value;
    });

    assert.deepEqual([target?.health, target?.lastError], ['up', '']);
    assert.equal(sum, String((4_999 * 5_000) / 2));
    assert.ok(ledger.seenCalls.length > 0);
  });

  it('curl reads a compressed page of many pieces', async function () {
    const program = requireProgram(this, 'curl');
    await using server = await serve(counters(20_000));
    const ask = async (...more: string[]): Promise<string> => {
      const args = ['-sS', '--fail', ...more, `${server.url}/push/metrics`];
      return (await promisify(execFile)(program, args, { maxBuffer: 2 ** 26 })).stdout;
    };

    const plain = await ask();
    const zipped = await ask('--compressed');

    assert.equal(plain.split('\n').length, 20_000 + 20 + 1);
    assert.equal(zipped, plain);
  });
});

/** A series whose `le` and `quantile` are printed as numbers: OpenMetrics has `1.0` for `1`. */
function comparable(series: string): string {
  return series.replaceAll(/\b(le|quantile)="([\d.e+-]+)"/g, (_, label, bound) => {
    return `${label}="${Number(bound)}"`;
  });
}
