/**
 * A real Prometheus that finds apps by `/sd/apps` and scrapes them with `honor_labels`: asked by its
 * API what it has.
 */
import assert from 'node:assert/strict';
import { OPENMETRICS_TYPE, page } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { routesJson } from '../support/foundation.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { gorouterValues, startPromgateProcess } from '../support/promgate-process.ts';
import { requireProgram } from '../support/require-program.ts';
import { type RunningApp, startApp } from '../support/running-app.ts';
import { samplesOf } from '../support/samples.ts';
import { type Scene, startScene } from '../support/scene.ts';
import type { Answer } from '../support/simulated-server.ts';
import { gives, PATIENCE, seriesIn, seriesStored, values } from '../support/stored-series.ts';

const SHOP = String.raw`# HELP shop_orders_total Orders.
# TYPE shop_orders_total counter
shop_orders_total{kind="\"new\" \\ old",job="mine",instance="own"} 3
# TYPE shop_seconds histogram
shop_seconds_bucket{le="0.1"} 1
shop_seconds_bucket{le="+Inf"} 2
shop_seconds_sum 0.7
shop_seconds_count 2
{"shop.queue.length","queue.name"="ü"} 4
`;
const TEXT = '# TYPE mail_sent_total counter\nmail_sent_total 1\n';
const OPENMETRICS = `# TYPE mail_sent counter
# TYPE mail_seconds histogram
# UNIT mail_seconds seconds
mail_seconds_bucket{le="1"} 1 # {trace_id="abc"} 0.5
mail_seconds_bucket{le="+Inf"} 1
mail_seconds_sum 0.5
mail_seconds_count 1
mail_sent_total 1
# EOF
`;
const OPERATOR = { username: 'prometheus', password: 'open-sesame' };

/** As client libraries do: OpenMetrics for those who like it. */
const negotiated: Answer = (exchange) =>
  exchange.request.headers['accept']?.startsWith('application/openmetrics-text')
    ? page(OPENMETRICS, { contentType: OPENMETRICS_TYPE })(exchange)
    : page(TEXT)(exchange);

type Name = 'shop' | 'mailer' | 'mixed' | 'broken' | 'blue' | 'green';

describe('Prometheus in front of promgate', function () {
  this.timeout(SLOW_MS);

  let parts = new AsyncDisposableStack();
  let scene: Scene<Name>;
  let prometheus: Prometheus;

  before(async function () {
    const program = requireProgram(this, 'prometheus');
    parts = new AsyncDisposableStack();
    scene = parts.use(
      await startScene<Name>({
        shop: { answers: [page(SHOP), page(SHOP)] },
        mailer: { space: 'mail', answers: [negotiated, negotiated] },
        mixed: { space: 'mail', answers: [negotiated, page(TEXT)] },
        broken: { answers: ['refuse', page('foo 1\n')] },
        blue: { answers: [page('hue 1\n')], routes: ['www.example.com'] },
        green: { answers: [page('hue 1\nup 0\n')], routes: ['www-next.example.com'] },
      }),
    );
    const guarded = parts.use(
      await startPromgateProcess({
        values: {
          routes: { gorouter: [gorouterValues(scene.gorouter)] },
          auth: { mode: 'basic', operators: [OPERATOR] },
        },
      }),
    );
    const job = (job_name: string, url: string, credentials: object): object => ({
      job_name,
      honor_labels: true,
      http_sd_configs: [{ url, refresh_interval: '1s', ...credentials }],
      ...credentials,
    });
    const { url } = scene.promgate;
    prometheus = parts.use(
      await startPrometheus({
        program,
        config: {
          global: { scrape_interval: '2s', scrape_timeout: '2s' },
          scrape_configs: [
            job('apps', `${url}/sd/apps`, {}),
            job('instances', `${url}/sd/apps?per=instance`, {}),
            job('guarded', `${guarded.url}/sd/apps`, { basic_auth: OPERATOR }),
          ],
        },
      }),
    );
    await prometheus.scrapedTargets(6 + 10 + 6);
  });

  after(() => parts.disposeAsync());

  it('has a target per app and per instance, each with an up of its own', async () => {
    const targets = await prometheus.targets();
    const groups = await Promise.all(
      ['/sd/apps', '/sd/apps?per=instance'].map(async (path) => {
        const list: unknown[] = JSON.parse(await scene.promgate.text(path));
        return list.length;
      }),
    );

    assert.deepEqual(groups, [6, 10]);
    const ups = 'up{organization_id=""}'; // an app's own up carries all labels of the page
    await gives(prometheus, `count(${ups})`, [String(targets.length)]);
    await gives(prometheus, `count by (job) (${ups})`, ['10', '6', '6']);
    await gives(prometheus, 'count by (job) (up{organization_id!=""})', ['1', '1', '1']);
    const [shop] = await prometheus.query('up{job="apps",app_name="shop"}');
    assert.deepEqual(shop?.labels, {
      __name__: 'up',
      job: 'apps',
      organization_name: 'sys',
      space_name: 'tools',
      app_name: 'shop',
      app_id: scene.apps.shop.guid,
      instance: 'sys/tools/shop',
    });
  });

  it('finds an instance down that fails, and its app up all the same', async () => {
    const up = (labels: string): Promise<string[]> => values(prometheus, `up{${labels}}`);
    const [failing, working] = scene.apps.broken.addresses;

    await gives(prometheus, 'count(up{job="instances"} == 1)', ['9']);
    assert.deepEqual(await up(`job="instances",instance="${failing}",index="0"`), ['0']);
    assert.deepEqual(await up(`job="instances",instance="${working}",index="1"`), ['1']);
    assert.deepEqual(await up('job="apps",app_name="broken"'), ['1']);
    await gives(prometheus, 'promgate_instance_up{job="apps",app_name="broken"}', ['0', '1']);
    const target = (await prometheus.targets()).find(({ health }) => health === 'down');
    assert.match(target?.lastError ?? '', /502 Bad Gateway/);
  });

  it('has every series of every instance, with the labels of the page', async () => {
    const headers = { Accept: `${OPENMETRICS_TYPE},text/plain;q=0.5` };
    for (const name of ['shop', 'mailer', 'mixed', 'broken'] as const) {
      const app = scene.apps[name];
      const expected = seriesIn(await scene.promgate.text(app.path, { headers }), 'apps');

      const stored = await seriesStored(prometheus, `job="apps",app_name="${name}"`);
      const scraped = await values(
        prometheus,
        `scrape_samples_scraped{job="apps",app_name="${name}"}`,
      );

      assert.deepEqual(stored, expected, name);
      assert.deepEqual(scraped, [String(expected.length)], name);
    }
    await gives(prometheus, 'sum(shop_orders_total{job="apps"})', ['6']);
    await gives(prometheus, 'sum(shop_orders_total{job="instances"})', ['6']);
  });

  it('gets OpenMetrics where all instances speak it, exemplars and units too', async () => {
    const last = ({ path }: RunningApp): Promise<Response> =>
      scene.promgate.get(path, { headers: { Accept: OPENMETRICS_TYPE } });
    const range = `start=${Date.now() / 1000 - 600}&end=${Date.now() / 1000 + 600}`;

    const exemplars = (await prometheus.api(
      `/api/v1/query_exemplars?query=mail_seconds_bucket{job="apps"}&${range}`,
    )) as readonly Exemplars[];
    const metadata = (await prometheus.api(
      '/api/v1/targets/metadata?metric=mail_seconds&match_target={job="apps",app_name="mailer"}',
    )) as readonly Metadata[];

    const found = exemplars.map(({ seriesLabels: { app_name, index }, exemplars: [first] }) => [
      app_name,
      index,
      first?.labels['trace_id'],
    ]);
    assert.deepEqual(found.sort(), [
      ['mailer', '0', 'abc'],
      ['mailer', '1', 'abc'],
    ]);
    assert.deepEqual(
      metadata.map(({ type, unit }) => [type, unit]),
      [['histogram', 'seconds']],
    );
    const types = await Promise.all(
      [scene.apps.mailer, scene.apps.mixed, scene.apps.shop].map(last),
    );
    assert.deepEqual(
      types.map(({ headers }) => headers.get('content-type')?.split(';', 1)[0]),
      ['application/openmetrics-text', 'text/plain', 'text/plain'],
    );
  });

  it('reads behind basic auth, and no instance sees its password', async () => {
    await gives(prometheus, 'count(up{job="guarded"} == 1)', ['6']);

    const requests = scene.apps.shop.instances.flatMap((instance) => instance.requests);
    assert.ok(requests.length > 0);
    assert.deepEqual(
      requests.filter(({ headers }) => 'authorization' in headers),
      [],
    );
  });

  it('loses no instance while an app is deployed anew, instance after instance', async () => {
    const { shop, ...others } = scene.apps;
    await using fresh = await startApp({ name: 'shop', revision: '2' }, [page(SHOP), page(SHOP)]);
    const rest = Object.values(others);
    const seen = async (job: string): Promise<(string | undefined)[]> => {
      const found = await prometheus.query(`shop_seconds_count{job="${job}",app_name="shop"}`);
      return found.map(({ labels }) => labels['instance']).sort();
    };
    const [firstOld = '', secondOld = ''] = shop.addresses;
    const [firstNew = '', secondNew = ''] = fresh.addresses;
    const stages = [
      { old: [firstOld, secondOld], created: [firstNew] },
      { old: [secondOld], created: [firstNew, secondNew] },
      { old: [], created: [firstNew, secondNew] },
    ];

    for (const { old, created } of stages) {
      scene.gorouter.routes = routesJson([
        { ...shop, addresses: old },
        { ...fresh, addresses: created },
        ...rest,
      ]);
      await eventually('the instances of this stage', async () => {
        assert.deepEqual(await seen('apps'), [...old, ...created].sort());
        return true;
      });
    }
    await eventually(
      'targets of the last stage',
      async () => {
        assert.deepEqual(await seen('instances'), [firstNew, secondNew].sort());
        return true;
      },
      PATIENCE,
    );

    assert.deepEqual(
      await values(
        prometheus,
        'min_over_time(up{organization_id="",job="apps",app_name="shop"}[10m])',
      ),
      ['1'],
    );
  });

  it('follows a route from blue to green, and forgets blue when it is gone', async () => {
    const { blue, green, ...others } = scene.apps;
    const rest = Object.values(others);
    const www = ['www.example.com'];
    const stages: readonly RunningApp[][] = [
      [blue, { ...green, routes: www }],
      [{ ...green, routes: www }],
    ];

    for (const apps of stages) {
      scene.gorouter.routes = routesJson([...apps, ...rest]);
      await eventually('the apps on the route', async () => {
        const text = await scene.promgate.text('/v1/apps/www.example.com/metrics');
        const names = samplesOf(text, 'hue').map(({ labels }) => labels['app_name']);
        assert.deepEqual(
          names.sort(),
          apps.map(({ name }) => name),
        );
        return true;
      });
    }

    await gives(prometheus, 'count(up{organization_id=""})', ['19']);
    await gives(prometheus, 'count by (app_name) (hue{job="apps"})', ['1']);
    assert.deepEqual(
      await values(
        prometheus,
        'min_over_time(up{organization_id="",job="apps",app_name="green"}[10m])',
      ),
      ['1'],
    );
  });

  it('has nothing to complain of', async () => {
    const own = await (await fetch(`${prometheus.url}/metrics`)).text();
    const names = [
      'prometheus_target_scrapes_sample_duplicate_timestamp_total',
      'prometheus_target_scrapes_sample_out_of_order_total',
      'prometheus_target_scrapes_sample_out_of_bounds_total',
      'prometheus_target_scrapes_exceeded_sample_limit_total',
      'prometheus_target_scrape_pool_reloads_failed_total',
      'prometheus_tsdb_exemplar_out_of_order_exemplars_total',
    ];

    for (const name of names) {
      assert.match(own, new RegExp(`^${name} 0$`, 'm'));
    }
    for (const { value, labels } of samplesOf(own, 'prometheus_sd_http_failures_total')) {
      assert.equal(value, '0', JSON.stringify(labels));
    }
    // Blue was still a target for a moment when it had gone.
    await gives(
      prometheus,
      'min_over_time(up{organization_id="",job="apps",app_name!="blue"}[10m]) == 0',
      [],
    );
  });
});

/** An entry of `/api/v1/query_exemplars`. */
interface Exemplars {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>> }[];
}

/** An entry of `/api/v1/targets/metadata`. */
interface Metadata {
  readonly type: string;
  readonly unit: string;
}
