/**
 * A whole promgate with every system on, a caching proxy and a real Prometheus that scrapes both as
 * docs/monitoring.md says.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sendRaw } from '../serve/frame-server.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { hangUp, page, pageOf, status } from '../support/answers.ts';
import { startCfApi } from '../support/cf-api/api.ts';
import { routesJson, type SimulatedApp } from '../support/foundation.ts';
import { startGorouter } from '../support/gorouter.ts';
import { startKafkaBroker } from '../support/kafka-broker.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { gorouterValues, startPromgateProcess } from '../support/promgate-process.ts';
import { startProxyUser } from '../support/proxy-process.ts';
import { startQueryServer } from '../support/query-server.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startReceiver } from '../support/remote-receiver.ts';
import { requireProgram, type Skippable } from '../support/require-program.ts';
import { startApp } from '../support/running-app.ts';
import { startServer } from '../support/simulated-server.ts';

export interface Observed extends AsyncDisposable {
  readonly prometheus: Prometheus;
  /** All pages of the running programs: own metrics, the proxy's, and an app's. */
  pages(): Promise<string>;
  /** Gives every system something to do. */
  work(): Promise<void>;
}

const LABELS = { environment: 'test', deployment: 'cf-1a2b3c' };
/** What each promgate claims of its fleet, by relabelling as for apps found by service discovery. */
const RELABEL = Object.entries(LABELS).map(([target_label, replacement]) => ({
  target_label,
  replacement,
}));
const INVALID: SimulatedApp = {
  ...{ organization: 'sys', space: 'tools', name: 'nowhere' },
  addresses: ['no address'],
};

export async function startObserved(context: Skippable): Promise<Observed> {
  const program = requireProgram(context, 'prometheus');
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-observed-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const { cert, key } = parts.use(new CertificateFolder()).selfSigned('backends');
  const redis = parts.use(await startRedisServer(context));
  const kafka = parts.use(await startKafkaBroker(context));
  const receiver = parts.use(await startReceiver());
  const shop = parts.use(await startApp({ name: 'shop' }, [page('orders_total 1\n'), 'refuse']));
  const mail = parts.use(await startApp({ name: 'mail', space: 'mail' }, [page('mails 1\n')]));
  const gorouter = parts.use(await startGorouter(routesJson([shop, mail])));
  const second = parts.use(await startGorouter(routesJson([shop, mail, INVALID])));
  const api = parts.use(await startCfApi()); // it knows no app
  api.limit = 2_000;
  api.uaa.clients.set('promgate', {
    ...{ secret: 'secret', scopes: ['cloud_controller.global_auditor'], spaces: [] },
  });
  const endpoint = parts.use(await startServer(page('temperature 21\n')));
  const below = parts.use(await startQueryServer({ series: [] }));
  const origin = parts.use(
    await startServer((exchange) =>
      (exchange.request.target === '/broken' ? hangUp : pageOf(() => 'kept\n'))(exchange),
    ),
  );
  const promgate = parts.use(
    await startPromgateProcess({
      values: {
        routes: {
          gorouter: [gorouterValues(gorouter), gorouterValues(second)],
          cf_api: { url: api.url, client_id: 'promgate', client_secret: 'secret', interval: '5s' },
        },
        scrape: { tls: { ca: cert, cert, key } },
        cache: { mode: 'background', ttl: '1s', refresh: '1s' },
        endpoints: { allow: ['localhost'], allow_private: ['127.0.0.0/8', '::1'] },
        broker: BROKER,
        database: {
          url: `sqlite:${path.join(folder, 'promgate.db')}`,
          encryption_key: 'a key of sixteen characters',
        },
        redis: { url: redis.url },
        kafka: { brokers: [kafka.address] },
        push: {
          durability: 'disk',
          file: path.join(folder, 'push.db'),
          remote_write: [{ url: receiver.url, name: 'r', interval: '1s' }],
        },
        query: { server_groups: [{ static_configs: [{ targets: [new URL(below.url).host] }] }] },
      },
    }),
  );
  const platform = new Platform({ url: promgate.url });
  await platform.createService('i1');
  await platform.bind('i1', 'b1', { appId: shop.guid });
  second.routes = {}; // a listing without its apps: promgate doubts it
  await promgate.untilLogged(
    'a table lists less than half of the apps: promgate uses it only if the next does too',
  );
  second.fault = status(500);

  const user = parts.use(await startProxyUser());
  const proxy = await user.start(['--origin', `http://${origin.address}`]);
  const own = new URL(promgate.url);
  const proxied = new URL(proxy.metricsUrl);
  const target = ({ host }: URL) => [{ targets: [host], labels: LABELS }];
  const prometheus = parts.use(
    await startPrometheus({
      program,
      config: {
        global: { scrape_interval: '1s', scrape_timeout: '1s' },
        scrape_configs: [
          { job_name: 'promgate', static_configs: target(own) },
          {
            ...{ job_name: 'promgate-proxy', metrics_path: proxied.pathname },
            static_configs: target(proxied),
          },
          {
            ...{ job_name: 'promgate-apps', honor_labels: true, relabel_configs: RELABEL },
            http_sd_configs: [{ url: `${promgate.url}/sd/apps`, refresh_interval: '1s' }],
          },
        ],
      },
    }),
  );
  const named = endpoint.address.replace('127.0.0.1', 'localhost');
  const work = async (): Promise<void> => {
    const reads = [shop.path, mail.path, '/v1/apps/none/none/none/metrics'];
    for (const one of reads) await promgate.text(one);
    await promgate.text(`/metrics?endpoint=${encodeURIComponent(`http://${named}/metrics`)}`);
    await promgate.text('/metrics?endpoint=http%3A%2F%2Fforbidden.example.com%2F');
    for (const body of ['jobs_total 1\n', 'no {metrics\n']) {
      await promgate.text('/push/metrics', { method: 'POST', body });
    }
    await platform.call('GET', '/catalog');
    await promgate.text('/api/v1/query?query=up%2B0');
    for (const one of ['/page', '/page', '/broken']) await proxy.mark(one);
    for (const port of [own.port, String(proxy.port)])
      await sendRaw(Number(port), 'nonsense\r\n\r\n');
  };
  const held = parts.move();
  return {
    prometheus,
    work,
    pages: async () => {
      const all = [promgate.text('/metrics'), promgate.text(shop.path)];
      const proxies = (await fetch(proxy.metricsUrl)).text();
      return (await Promise.all([...all, proxies])).join('\n');
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
