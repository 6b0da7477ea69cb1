/**
 * Every metric that a dashboard or an alert names is on a page of a running promgate, and every
 * expression has an answer in a real Prometheus that scraped it.
 */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type Dashboard, queried, readDashboards } from './dashboards.ts';
import { type Observed, startObserved } from './observed.ts';
import { metricsIn, selectorsIn } from './promql.ts';
import { readAlerts } from './rules.ts';

/** What Prometheus itself adds to each scrape. */
const OF_PROMETHEUS = 'up';
/** The app whose dashboard is looked at: one of its instances fails. */
const CHOSEN: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map([
  [
    'promgate-app',
    { cf_organization_name: 'sys', cf_space_name: 'tools', cf_application_name: 'shop' },
  ],
]);
const PATIENCE = { timeoutMs: 90_000, pauseMs: 500 };

type Values = Map<string, string>;

function filled(text: string, values: Values): string {
  return text.replaceAll(/\$\{?(\w+)\}?/g, (whole, name: string) => values.get(name) ?? whole);
}

/** The choices of a variable, as Grafana asks for them. */
async function choices({ prometheus }: Observed, query: string): Promise<string[]> {
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/s.exec(query) ?? [];
  assert.ok(selector !== undefined && label !== undefined, query);
  const match = new URLSearchParams({ 'match[]': selector });
  return (await prometheus.api(`/api/v1/label/${label}/values?${match}`)) as string[];
}

/** As Grafana writes one of several values into a regular expression in PromQL. */
function escaped(value: string): string {
  return value.replaceAll(/[\\^$*+?.()|[\]{}]/g, String.raw`\\$&`);
}

/** The values of a dashboard's variables when all of each is chosen, and one app. */
async function choose(observed: Observed, dashboard: Dashboard): Promise<Values> {
  const values: Values = new Map([['__rate_interval', '1m']]);
  const chosenHere = CHOSEN.get(dashboard.uid) ?? {};
  for (const { name, query } of queried(dashboard)) {
    const asked = filled(query, values);
    const found = await eventually(
      `a choice of $${name} in ${dashboard.uid}`,
      async () => {
        const all = await choices(observed, asked);
        const chosen = chosenHere[name];
        return all.length > 0 && (chosen === undefined || all.includes(chosen)) ? all : undefined;
      },
      PATIENCE,
    );
    values.set(name, chosenHere[name] ?? found.map(escaped).join('|'));
  }
  return values;
}

/** Lets promgate work until each expression has an answer that is a number. */
async function untilAnswered(observed: Observed, expressions: readonly string[]): Promise<void> {
  let open = [...new Set(expressions)];
  await eventually(
    'each expression to have an answer',
    async () => {
      await observed.work();
      const answers = await Promise.all(open.map((expr) => observed.prometheus.query(expr)));
      open = open.filter((_, place) => !answers[place]!.some(({ value }) => value !== 'NaN')); // one each
      assert.deepEqual(open, []);
      return true;
    },
    PATIENCE,
  );
}

describe('dashboards and alerts before a running promgate', function () {
  this.timeout(2 * SLOW_MS);

  let observed: Observed;

  before(async function () {
    observed = await startObserved(this);
  });

  after(() => observed?.[Symbol.asyncDispose]());

  it('name metrics that promgate has', async () => {
    const panels = readDashboards().flatMap(({ panels }) => panels);
    const expressions = [
      ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
      ...readDashboards().flatMap((one) => queried(one).map(({ query }) => query)),
      ...readAlerts().map(({ expr }) => expr),
    ];

    const metrics = [...new Set(expressions.flatMap(metricsIn))];

    assert.ok(metrics.length > 90, `${metrics.length} metrics`);
    await eventually(
      'each metric on a page',
      async () => {
        await observed.work();
        const pages = await observed.pages();
        const names = new Set([...pages.matchAll(/^[a-z_0-9]+/gm)].map(([name]) => name));
        assert.deepEqual(
          metrics.filter((metric) => metric !== OF_PROMETHEUS && !names.has(metric)),
          [],
        );
        return true;
      },
      PATIENCE,
    );
    for (const expr of expressions) assert.ok(metricsIn(expr).length > 0, expr);
  });

  for (const dashboard of readDashboards()) {
    it(`${dashboard.uid} has an answer for each of its expressions`, async () => {
      const values = await choose(observed, dashboard);
      const expressions = dashboard.panels.flatMap(({ targets = [] }) =>
        targets.map(({ expr }) => filled(expr, values)),
      );

      await untilAnswered(observed, expressions);
    });
  }

  it('the alerts look at series that there are, and none fires that should not', async () => {
    const alerts = readAlerts();

    await untilAnswered(
      observed,
      alerts.flatMap(({ expr }) => selectorsIn(expr)),
    );

    for (const { alert, expr } of alerts) {
      const firing = await observed.prometheus.query(expr);
      if (QUIET.includes(alert)) assert.deepEqual(firing, [], alert);
    }
  });

  it('the alerts of what fails here have an answer', async () => {
    const expressions = readAlerts()
      .filter(({ alert }) => FAILING.includes(alert))
      .map(({ expr }) => expr);

    assert.equal(expressions.length, FAILING.length);
    await untilAnswered(observed, expressions);
  });
});

/** An instance of an app refuses connections, and the proxy's origin breaks off. */
const FAILING = ['PromgateAppInstancesFailing', 'PromgateProxyOriginFailing'];

/** Alerts of what works here, however busy the machine is. */
const QUIET = [
  ...[
    'PromgateAbsent',
    'PromgateRestarting',
    'PromgateRouteTableOld',
    'PromgateAmbiguousAddresses',
  ],
  ...['PromgateScrapeOverBudget', 'PromgateDescriptorsLow', 'PromgateRequestsRefused'],
  ...['PromgateAppSeriesRefused', 'PromgateCacheOverBound', 'PromgateCacheTooSmall'],
  ...['PromgateEventsDropped', 'PromgateKafkaAway', 'PromgateDatabaseAway', 'PromgateRedisAway'],
  'PromgateBrokerFailing',
  ...['PromgateQueryServerDown', 'PromgateQueryIncomplete', 'PromgateConfigReloadFailed'],
  ...['PromgatePushCommitsFailing', 'PromgatePushesRefusedForRoom'],
  ...['PromgatePushRecordsUnreadable', 'PromgateRemoteWriteLosesSamples'],
  ...['PromgateRemoteWriteInactive', 'PromgateAppUnreadable'],
];
