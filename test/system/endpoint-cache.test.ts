/**
 * The endpoint cache as a process of its own, read by a real Prometheus that is configured as
 * prom-cache's users configure theirs.
 */
import assert from 'node:assert/strict';
import { hang, page, pageOf, status } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';
import { requireProgram } from '../support/require-program.ts';
import { type SimulatedServer, startServer } from '../support/simulated-server.ts';
import { values } from '../support/stored-series.ts';

/** The relabelling that prom-cache's README shows: the endpoint has neither scheme nor path. */
function jobOf(name: string, exporter: string, cache: string, extra: object = {}): object {
  return {
    job_name: name,
    static_configs: [{ targets: [exporter] }],
    relabel_configs: [
      { source_labels: ['__address__'], target_label: '__param_endpoint' },
      { target_label: '__address__', replacement: cache },
    ],
    ...extra,
  };
}

describe('the endpoint cache in front of Prometheus', function () {
  this.timeout(SLOW_MS);

  let parts = new AsyncDisposableStack();
  let exporter: SimulatedServer;
  let failing: SimulatedServer;
  let promgate: PromgateProcess;
  let pair: readonly Prometheus[];

  before(async function () {
    const program = requireProgram(this, 'prometheus');
    parts = new AsyncDisposableStack();
    let count = 0;
    exporter = parts.use(
      await startServer(
        pageOf(({ target }) => `# TYPE asked counter\nasked{path="${target}"} ${++count}\n`),
      ),
    );
    failing = parts.use(await startServer(status(500)));
    promgate = parts.use(
      await startPromgateProcess({
        untilReady: false,
        values: {
          endpoints: {
            ...{ allow: ['localhost'], allow_private: ['127.0.0.0/8', '::1'] },
            ...{ compat: true, compat_port: 0 },
          },
        },
      }),
    );
    const { compat_url: compatUrl } = await promgate.untilLogged('promgate listens');
    const cache = new URL(String(compatUrl)).host;
    const nameOf = ({ address }: SimulatedServer): string => address.replace(/^[^:]+/, 'localhost');
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [
        jobOf('prom-cache', nameOf(exporter), cache),
        jobOf('with-query', nameOf(exporter), cache, { params: { 'match[]': ['b', 'a'] } }),
        jobOf('failing', nameOf(failing), cache),
      ],
    };
    pair = [
      parts.use(await startPrometheus({ program, config })),
      parts.use(await startPrometheus({ program, config })),
    ];
    for (const prometheus of pair) await prometheus.scrapedTargets(3);
  });

  after(() => parts.disposeAsync());

  it('works with the relabelling as it is, from the first scrape on', async () => {
    for (const prometheus of pair) {
      await eventually('a few scrapes', async () => {
        const [scrapes] = await values(prometheus, 'count_over_time(up{job="prom-cache"}[5m])');
        return Number(scrapes) >= 3 || undefined;
      });
      assert.deepEqual(await values(prometheus, 'min_over_time(up{job="prom-cache"}[5m])'), ['1']);
      assert.deepEqual(await values(prometheus, 'count(asked{job="prom-cache",path="/metrics"})'), [
        '1',
      ]);
    }
  });

  it('passes parameters on', async () => {
    const [prometheus] = pair;
    const found = await prometheus!.query('asked{job="with-query"}');

    assert.equal(found[0]?.labels['path'], '/metrics?match%5B%5D=b&match%5B%5D=a');
  });

  it('lets a target that fails be down', async () => {
    const targets = await pair[0]!.targets();
    const target = targets.find(({ labels }) => labels['job'] === 'failing');

    assert.equal(target?.health, 'down');
    assert.match(target?.lastError ?? '', /404 Not Found/);
  });

  it('asks the exporter less often than the pair asks promgate', async () => {
    const requests = 'promgate_http_requests_total{handler="endpoint",code="200"}';
    await eventually(
      'twenty requests',
      async () => Number(await promgate.metric(requests)) >= 20 || undefined,
    );

    const asked = Number(await promgate.metric(requests));
    const fetched = Number(await promgate.metric('promgate_endpoint_fetches_total{result="ok"}'));

    assert.ok(fetched < asked * 0.75, `${fetched} of ${asked}`);
    assert.ok(
      Number(
        await promgate.metric('promgate_cache_requests_total{system="endpoints",result="hit"}'),
      ) > 0,
    );
    assert.ok(
      Number(await promgate.metric('promgate_cache_refresh_jobs{system="endpoints"}')) === 3,
    );
  });

  it('is fresh when a reader comes, since it is refreshed shortly before', async () => {
    const refreshes = 'promgate_cache_refresh_duration_seconds_count{system="endpoints"}';
    await eventually(
      'refreshes',
      async () => Number(await promgate.metric(refreshes)) > 3 || undefined,
    );
  });

  it('drops pages on command', async () => {
    const answer = await promgate.get('/-/purge?all', { method: 'POST' });
    const { purged } = (await answer.json()) as { purged: number };

    assert.equal(answer.status, 200);
    assert.ok(purged >= 1);
  });

  it('asks nobody else', async () => {
    const forbidden = ['http://127.0.0.2:1/', 'http://169.254.169.254/', 'http://other.example/'];
    for (const endpoint of forbidden) {
      const answer = await promgate.get(`/metrics?endpoint=${encodeURIComponent(endpoint)}`);
      assert.equal(answer.status, 403, endpoint);
    }
  });

  it('has its own metrics where it always had them', async () => {
    assert.match(await promgate.text('/metrics'), /^promgate_build_info\{/m);
  });
});

describe('promgate that stops', () => {
  it('ends a request for an endpoint that hangs, and answers it', async function () {
    this.timeout(SLOW_MS);
    await using exporter = await startServer(hang);
    await using promgate = await startPromgateProcess({
      untilReady: false,
      values: { endpoints: { allow: ['127.0.0.1'], allow_private: ['127.0.0.1'] } },
    });
    const asked = promgate.get(`/metrics?endpoint=${exporter.address}`);
    await eventually('the request', () => exporter.requests.length === 1 || undefined);

    promgate.kill('SIGTERM');

    assert.equal((await asked).status, 504);
    assert.deepEqual(await promgate.exited, { code: 0, signal: null });
    assert.ok(!promgate.log.some(({ level }) => level === 'error'));
  });
});

describe('promgate without allowed endpoints', () => {
  it('answers ?endpoint= with 404, and asks nobody', async function () {
    this.timeout(SLOW_MS);
    await using exporter = await startServer(page('up 1\n'));
    await using promgate = await startPromgateProcess({ values: {}, untilReady: false });

    const answer = await promgate.get(`/metrics?endpoint=${exporter.address}`);

    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /endpoints\.allow/);
    assert.equal(exporter.requests.length, 0);
  });
});
