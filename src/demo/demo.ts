/**
 * `promgate demo`: a simulated foundation on loopback, promgate in front of it, and a guide to
 * URLs.
 */
import { type App, startApp } from '../assemble/app.ts';
import { sleep } from '../clock.ts';
import { type ConfigSources, readConfig } from '../config/config.ts';
import { startBatchJob } from './batch-job.ts';
import { type Foundation, startFoundation } from './foundation.ts';
import { type SimulatedPrometheus, startPrometheus } from './prometheus.ts';
import { startReader } from './reader.ts';

/** The longest wait for the routes, and the pause between two checks. */
const READY_MS = 10_000;
const CHECK_EVERY_MS = 20;

export interface DemoOptions {
  readonly flags: ConfigSources['flags'];
  readonly memoryBytes: number;
  readonly print: (text: string) => void;
  /** Seconds since 1970. */
  readonly now?: () => number;
  /** Returns numbers from 0 (inclusive) to 1 (exclusive). */
  readonly chance?: () => number;
}

/** @throws {Error} if promgate cannot start, for example because its port is in use */
export async function startDemo(options: DemoOptions): Promise<App> {
  const {
    flags = [],
    memoryBytes,
    print,
    now = () => Date.now() / 1000,
    chance = Math.random,
  } = options;
  await using parts = new AsyncDisposableStack();
  const foundation = parts.use(await startFoundation({ now, chance }));
  // Each of the pair has a hole of a minute in every five; the holes do not meet.
  const loses = (from: number) => (scrape: number) => scrape % 20 >= from && scrape % 20 < from + 4;
  const pair = [
    parts.use(await startPrometheus({ now, loses: loses(2) })),
    parts.use(await startPrometheus({ now, loses: loses(12) })),
  ];
  const values = valuesFor(foundation, pair);
  const config = await readConfig({ values, flags, memoryBytes });
  const app = parts.use(await startApp(config));
  await untilReady(app.url);
  const isOpen = config.auth.mode === 'open'; // else the job and the reader have no token
  if (isOpen) parts.use(startReader(app.url));
  if (isOpen) parts.use(await startBatchJob({ url: `${app.url}/push`, now, chance }));
  print(guide(app.url, foundation));
  const stop = parts.move();
  return { ...app, [Symbol.asyncDispose]: () => stop.disposeAsync() };
}

/** Waits until promgate knows the routes, so that the printed URLs work. */
async function untilReady(url: string): Promise<void> {
  const giveUp = AbortSignal.timeout(READY_MS);
  while (!giveUp.aborted && !(await fetch(`${url}/readyz`)).ok) await sleep(CHECK_EVERY_MS, giveUp);
}

function valuesFor(
  { routesUrl, username, password }: Foundation,
  pair: readonly SimulatedPrometheus[],
) {
  return {
    listen: { host: '127.0.0.1' },
    routes: { gorouter: [{ url: routesUrl, username, password, interval: '5s' }] },
    push: { durability: 'memory' },
    drain: { wait: '0s' },
    log: { level: 'warn' },
    endpoints: { allow: ['127.0.0.1'], allow_private: ['127.0.0.1'] },
    query: {
      server_groups: [
        { name: 'shops', static_configs: [{ targets: pair.map(({ address }) => address) }] },
      ],
    },
  };
}

function guide(url: string, { apps, exporter }: Foundation): string {
  const names = apps.map(({ org, space, name }) => `${org}/${space}/${name}`);
  const [first = '', second = ''] = names;
  return `open ${url}/ in a browser

promgate runs in front of a simulated foundation: ${names.length} apps of three instances each, some of which fail.

also of use
  ${url}/v1/apps/${first}/metrics
      all instances of one app as one page
  ${url}/v1/apps/${second}/metrics
      the last instance fails: compare promgate_instance_up and promfetcher_scrape_error
  ${url}/sd/apps
      the targets for Prometheus
  ${url}/push/metrics
      what a batch job has pushed, every 5 s anew: its sums grow, its last run replaces the run before
  ${url}/metrics
      promgate's own metrics
  ${url}/metrics?endpoint=${exporter}
      the page of any exporter that endpoints.allow names, kept warm: load it twice

  ${url}/api/v1/query?query=sum(rate(demo_orders_total[5m]))
      two simulated Prometheus servers, each with holes, as one without: 5.75 orders per second

or use curl
  curl -s ${url}/v1/apps/${first}/metrics | grep http_requests_total
  curl -s '${url}/v1/apps/metrics?route_url=${apps[0]?.route}'
  curl -s ${url}/v1/apps/${apps[1]?.guid}/only-app-metrics | grep up
  curl -s ${url}/routes
  curl -s -X PATCH '${url}/push/metrics/backups_total?host=db1'
      adds 1 to a counter that a script pushes

Ctrl-C ends it.
`;
}
