/**
 * Several promgates over one gorouter: whichever answers, the answer is the same.
 */
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { html, OPENMETRICS_TYPE, page, status } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { routesJson } from '../support/foundation.ts';
import { startGorouter } from '../support/gorouter.ts';
import { SLOW_MS } from '../support/limits.ts';
import { gorouterValues, startPromgateProcess } from '../support/promgate-process.ts';
import { read } from '../support/reader.ts';
import { samplesOf } from '../support/samples.ts';
import { startScene } from '../support/scene.ts';

const OPENMETRICS =
  '# TYPE a counter\na_total 1 # {trace_id="x"} 1\n# TYPE b info\nb_info{c="d"} 1\n# EOF\n';

/** Pages whose families come in another order from instance to instance. */
function rotated(shift: number): string {
  const families = Array.from({ length: 9 }, (_, n) => {
    const name = `family_${(n + shift) % 9}`;
    return `# HELP ${name} Of instance ${shift}.\n# TYPE ${name} gauge\n${name}{n="${n}"} ${n}\n`;
  });
  return families.join('');
}

/** What depends on time is left out: how long things took. */
function withoutDurations(bytes: Buffer): string {
  const lines = bytes.toString().split('\n');
  return lines.filter((line) => !line.startsWith('promgate_instance_scrape_dur')).join('\n');
}

describe('replicas', function () {
  this.timeout(SLOW_MS);

  it('give the same bytes for the same app, durations aside', async () => {
    const bad = [html, status(503), 'refuse', page('not {metrics\n')] as const;
    await using scene = await startScene({
      many: { answers: Array.from({ length: 30 }, (_, n) => page(rotated(n), { delayMs: n % 7 })) },
      failing: { answers: [page(rotated(1)), ...bad] },
      modern: { answers: Array(3).fill(page(OPENMETRICS, { contentType: OPENMETRICS_TYPE })) },
    });
    const routes = { gorouter: [gorouterValues(scene.gorouter)] };
    await using other = await startPromgateProcess({ values: { routes } });
    const headers = { Accept: `${OPENMETRICS_TYPE},text/plain;q=0.5`, 'Accept-Encoding': 'gzip' };
    const apps = Object.values(scene.apps).map(({ path }) => path);
    const all = [...apps, '/routes', '/sd/apps', '/sd/apps?per=instance'];

    for (const path of all) {
      const answers = await Promise.all(
        [scene.promgate, scene.promgate, other].map(async ({ url }) => {
          const forwarded = { ...headers, 'X-Forwarded-Host': 'promgate.example.com' };
          const answer = await read(url + path, { headers: forwarded });
          const {
            date,
            'content-length': length,
            'transfer-encoding': coding,
            ...rest
          } = answer.headers;
          assert.ok(date !== undefined && (length ?? coding) !== undefined);
          return {
            ...rest, // the length is known only if several readers of a replica share the page
            status: answer.status,
            text: withoutDurations(gunzipSync(answer.body)),
          };
        }),
      );

      const [first, again, replica] = answers;
      assert.equal(first?.status, 200, path);
      assert.deepEqual(again, first, path);
      assert.deepEqual(replica, first, path);
    }
  });

  it('are scraped as an app of their own table, and end what would go round in circles', async () => {
    await using gorouter = await startGorouter({});
    const values = { routes: { gorouter: [gorouterValues(gorouter)] } };
    await using first = await startPromgateProcess({ values });
    await using second = await startPromgateProcess({ values });
    const addresses = [first, second].map(({ url }) => new URL(url).host);
    const app = { organization: 'sys', space: 'tools', name: 'promgate', addresses };
    gorouter.routes = routesJson([app]);
    const path = '/v1/apps/sys/tools/promgate/metrics';
    await eventually('both to know both', async () => {
      const known = await Promise.all(
        [first, second].map((one) => one.metric('promgate_route_endpoints')),
      );
      return known.every((count) => count === 2) || undefined;
    });

    const own = await first.text(path);
    const circle = await first.text(`${path}?metric_path=${path}`);

    const versions = samplesOf(own, 'nodejs_version_info').map(({ labels }) => labels['instance']);
    assert.deepEqual(versions, addresses);
    assert.deepEqual(samplesOf(own, 'promgate_build_info'), [], 'no app speaks in its name');
    const failures = samplesOf(circle, 'promfetcher_scrape_error').map(({ labels }) => [
      labels['instance'],
      labels['error'],
    ]);
    assert.deepEqual(
      failures,
      addresses.map((address) => [address, 'status-5xx']),
    );
    const refused = 'promgate_http_requests_total{handler="apps",code="508"}';
    assert.equal(await first.metric(refused), 1);
    assert.equal(await second.metric(refused), 1);
  });
});
