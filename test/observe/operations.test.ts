/**
 * The operations file for prometheus-boshrelease: applied to a manifest of that release's shape, and
 * its scrape jobs tried by a real Prometheus before a promgate with TLS and passwords.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { CertificateFolder } from '../serve/openssl.ts';
import { page } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { routesJson } from '../support/foundation.ts';
import { startGorouter } from '../support/gorouter.ts';
import { SLOW_MS } from '../support/limits.ts';
import { applyOperations } from '../support/operations.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { gorouterValues, startPromgateProcess } from '../support/promgate-process.ts';
import { requireProgram } from '../support/require-program.ts';
import { startApp } from '../support/running-app.ts';

const BOSH = new URL('../../bosh/', import.meta.url);
const TARGETS = '/var/vcap/store/bosh_exporter/bosh_target_groups.json';
const CERTIFICATES = '/var/vcap/jobs/prometheus2/config/certs/';
const READER = { username: 'prometheus', password: 'open-sesame' };

/** The places of prometheus-boshrelease's manifest that operations files lead to. */
function manifestOfPrometheus() {
  return {
    instance_groups: [
      {
        name: 'prometheus2',
        jobs: [
          {
            name: 'prometheus2',
            properties: {
              prometheus: {
                rule_files: ['/var/vcap/jobs/prometheus_alerts/*.alerts.yml'],
                scrape_configs: [{ job_name: 'prometheus' }],
              },
            },
          },
        ],
      },
      {
        name: 'grafana',
        jobs: [
          {
            name: 'grafana',
            properties: { grafana: { prometheus: { dashboard_folders: [{ name: 'Grafana' }] } } },
          },
        ],
      },
    ],
    releases: [{ name: 'prometheus', version: '30.3.0' }],
  };
}

/** The manifest with the operations; `((names))` are replaced as the CLI of BOSH does. */
function applied(variables: Readonly<Record<string, string>>) {
  const text = readFileSync(new URL('operations/monitoring.yml', BOSH), 'utf8');
  const filled = (_: string, written: unknown): unknown =>
    typeof written !== 'string'
      ? written
      : written.replaceAll(/\(\(([\w.]+)\)\)/g, (_whole, name: string) => {
          assert.ok(variables[name] !== undefined, `${name} is one of the documented variables`);
          return variables[name];
        });
  const operations = JSON.parse(JSON.stringify(parse(text), filled));
  const manifest = applyOperations(manifestOfPrometheus(), operations);
  const [prometheus, grafana] = manifest.instance_groups;
  return {
    manifest,
    jobs: [prometheus, grafana].map((group) => group!.jobs.map(({ name }) => name)),
    prometheus: (prometheus!.jobs[0]!.properties as object as PrometheusProperties).prometheus,
    grafana: (grafana!.jobs[0]!.properties as object as GrafanaProperties).grafana.prometheus,
  };
}

interface PrometheusProperties {
  readonly prometheus: {
    readonly rule_files: readonly string[];
    readonly scrape_configs: readonly ScrapeConfig[];
  };
}

interface GrafanaProperties {
  readonly grafana: {
    readonly prometheus: {
      readonly dashboard_folders: readonly { readonly name: string; readonly files?: string[] }[];
    };
  };
}

interface ScrapeConfig {
  readonly job_name: string;
  readonly tls_config?: { ca_contents?: string; readonly ca_file: string };
  readonly scheme?: string;
}

const VARIABLES = {
  promgate_host: 'localhost',
  promgate_port: '443',
  'promgate_reader.username': READER.username,
  'promgate_reader.password': READER.password,
  'promgate_ca.ca': 'PEM',
  'promgate_route_ca.ca': 'PEM',
  metrics_environment: 'test',
  metron_deployment_name: 'cf-1a2b',
};

describe('bosh/operations/monitoring.yml', function () {
  this.timeout(SLOW_MS);

  it('brings the jobs, and names the files that they lay down', () => {
    const { manifest, jobs, prometheus, grafana } = applied(VARIABLES);

    assert.deepEqual(
      manifest.releases.map(({ name }) => name),
      ['prometheus', 'promgate'],
    );
    assert.deepEqual(jobs, [
      ['prometheus2', 'promgate-alerts'],
      ['grafana', 'promgate-dashboards'],
    ]);
    assert.ok(prometheus.rule_files.includes('/var/vcap/jobs/promgate-alerts/*.alerts.yml'));
    const folder = grafana.dashboard_folders.find(({ name }) => name === 'promgate');
    assert.deepEqual(folder?.files, ['/var/vcap/jobs/promgate-dashboards/*.json']);
    const globs = { 'promgate-alerts': /\.alerts\.yml$/, 'promgate-dashboards': /\.json$/ };
    for (const [job, glob] of Object.entries(globs)) {
      const spec = parse(readFileSync(new URL(`jobs/${job}/spec`, BOSH), 'utf8'));
      for (const file of Object.values(spec.templates)) assert.match(String(file), glob);
    }
  });

  it('documents each variable that it uses, and uses each', () => {
    const text = readFileSync(new URL('operations/monitoring.yml', BOSH), 'utf8');
    const used = new Set([...text.matchAll(/\(\(([\w.]+)\)\)/g)].map(([, name]) => name));

    assert.deepEqual([...used].sort(), Object.keys(VARIABLES).sort());
    const comments = text.split('\n').filter((line) => line.startsWith('#'));
    for (const name of used) assert.ok(comments.join('\n').includes(name!), name); // the group is there
  });

  it('scrapes a promgate with TLS and passwords, and all apps that it knows', async function () {
    const program = requireProgram(this, 'prometheus');
    await using parts = new AsyncDisposableStack();
    const certificates = parts.use(new CertificateFolder());
    const { cert, key } = certificates.selfSigned('promgate');
    const shop = parts.use(await startApp({ name: 'shop' }, [page('orders_total 1\n')]));
    const gorouter = parts.use(await startGorouter(routesJson([shop])));
    const promgate = parts.use(
      await startPromgateProcess({
        values: {
          listen: { host: '127.0.0.1', port: 0, tls: { cert, key } },
          routes: { gorouter: [gorouterValues(gorouter)] },
          auth: { mode: 'basic', operators: [READER] },
        },
        untilReady: false,
      }),
    );
    const { port } = new URL(promgate.url);
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-monitoring-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const pem = readFileSync(cert, 'utf8');
    const variables = { 'promgate_ca.ca': pem, 'promgate_route_ca.ca': pem, promgate_port: port };
    const { prometheus } = applied({ ...VARIABLES, ...variables });
    const configs = prometheus.scrape_configs.filter(({ job_name }) => job_name !== 'prometheus');
    const groups = ['promgate', 'other'].map((process) => ({
      targets: ['127.0.0.1'],
      labels: { __meta_bosh_deployment: 'cf-1a2b', __meta_bosh_job_process_name: process },
    }));
    await writeFile(path.join(folder, 'targets.json'), JSON.stringify(groups));
    for (const { tls_config: tls } of configs) {
      const file = tls!.ca_file.replace(CERTIFICATES, `${folder}/`); // each has one
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, tls!.ca_contents!); // as the pre-start of the job prometheus2
      delete tls!.ca_contents;
    }
    const config = JSON.stringify({ global: { scrape_interval: '1s' }, scrape_configs: configs })
      .replaceAll(CERTIFICATES, `${folder}/`)
      .replace(TARGETS, path.join(folder, 'targets.json'))
      .replace('https://localhost/sd/apps', `https://localhost:${port}/sd/apps`)
      .replace('"scrape_interval":"1m","scrape_timeout":"30s",', '"scrape_interval":"1s",');

    const server = parts.use(await startPrometheus({ program, config }));

    const ask = async (query: string): Promise<Readonly<Record<string, string>>[]> =>
      eventually(query, async () => {
        const found = (await server.query(query)).map(({ labels }) => labels);
        return found.length > 0 ? found : undefined;
      });
    assert.deepEqual(await ask('up{job="promgate"} == 1'), [
      {
        __name__: 'up',
        job: 'promgate',
        instance: `127.0.0.1:${port}`,
        deployment: 'cf-1a2b',
        environment: 'test',
      },
    ]);
    const [app] = await ask('promgate_instance_up{job="promgate-apps"} == 1');
    assert.equal(app?.['app_name'], 'shop');
    assert.deepEqual([app?.['environment'], app?.['deployment']], ['test', 'cf-1a2b']);
    assert.equal((await ask('promgate_apps{job="promgate"}')).length, 1);
  });
});
