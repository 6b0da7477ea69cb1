/** Promregator's paths, and a real Prometheus with the scrape configuration of Promregator's guide. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import type { Instance } from '../../src/discover/instance.ts';
import { UNBOUND } from '../../src/serve/app-settings.ts';
import { discovery } from '../../src/serve/promregator.ts';
import type { Scope } from '../../src/serve/scope.ts';
import type { ServiceDiscoveryOptions } from '../../src/serve/service-discovery.ts';
import { html, OPENMETRICS_TYPE, page, status } from '../support/answers.ts';
import { type AppInstances, startAppInstances } from '../support/app-instances.ts';
import { appGuid, type SimulatedApp } from '../support/foundation.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { type Promgate, startPromgate } from '../support/promgate.ts';
import { requireProgram } from '../support/require-program.ts';
import type { Answer } from '../support/simulated-server.ts';
import { serveFrame } from './frame-server.ts';
import { guidOf, instance } from './instances.ts';

interface Group {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string | null>>;
}

const APP = { organization: 'acme', space: 'dev', name: 'shop' } as const;
const GUID = appGuid({ ...APP, addresses: [] });
const NO_LABELS = {
  __meta_promregator_target_orgName: null,
  __meta_promregator_target_spaceName: null,
  __meta_promregator_target_applicationName: null,
  __meta_promregator_target_applicationId: null,
  __meta_promregator_target_instanceNumber: null,
  __meta_promregator_target_instanceId: null,
};

/** Promregator's guide recommends these for its targets. */
const RELABEL_CONFIGS = [
  {
    source_labels: ['__meta_promregator_target_path'],
    action: 'replace',
    target_label: '__metrics_path__',
    regex: '(.+)',
  },
  ...[
    ['orgName', 'org_name'],
    ['spaceName', 'space_name'],
    ['applicationName', 'app_name'],
    ['applicationId', 'app_id'],
    ['instanceNumber', 'instance_number'],
    ['instanceId', 'instance'],
  ].map(([from, to]) => ({
    source_labels: [`__meta_promregator_target_${from}`],
    target_label: to,
  })),
];

interface Scene extends AsyncDisposable {
  readonly promgate: Promgate;
  readonly instances: AppInstances;
}

async function startScene(
  answers: readonly (Answer | 'refuse')[],
  app: Partial<SimulatedApp> = {},
  values: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  await using parts = new AsyncDisposableStack();
  const instances = parts.use(await startAppInstances(answers));
  const apps = [{ ...APP, addresses: instances.addresses, ...app }];
  const promgate = parts.use(await startPromgate({ apps, values }));
  const held = parts.move();
  return { promgate, instances, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function serve(
  apps: readonly (readonly Instance[])[],
  more: Partial<ServiceDiscoveryOptions> = {},
  scope: Scope = 'all',
) {
  const handle = discovery({
    table: { apps: () => apps },
    tableKnown: () => true,
    settingsOf: () => UNBOUND,
    ...more,
  });
  return serveFrame({
    routes: [{ name: 'promregator-sd', path: '/discovery', handle }],
    admit: (ctx, next) => {
      ctx.state.scope = scope;
      return next();
    },
  });
}

async function groups(url: string, headers: Record<string, string> = {}): Promise<Group[]> {
  const answer = await fetch(url, { headers });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  return (await answer.json()) as Group[];
}

describe('GET /discovery', () => {
  it("lists each instance and promgate's own metrics, with Promregator's labels in its order", async () => {
    await using scene = await startScene([page('a 1\n')]);
    const { promgate } = scene;
    const target = promgate.url.replace('http://', '');

    const text = await promgate.text('/discovery');

    const place = `/singleTargetMetrics/${GUID}/0`;
    assert.equal(
      text,
      JSON.stringify([
        {
          targets: [target],
          labels: {
            __meta_promregator_target_path: place,
            __meta_promregator_target_orgName: 'acme',
            __meta_promregator_target_spaceName: 'dev',
            __meta_promregator_target_applicationName: 'shop',
            __meta_promregator_target_applicationId: GUID,
            __meta_promregator_target_instanceNumber: '0',
            __meta_promregator_target_instanceId: `${GUID}:0`,
            __metrics_path__: place,
            __scheme__: null,
          },
        },
        {
          targets: [target],
          labels: {
            __meta_promregator_target_path: '/promregatorMetrics',
            ...NO_LABELS,
            __metrics_path__: '/promregatorMetrics',
            __scheme__: null,
          },
        },
      ]),
    );
    assert.match(await promgate.text('/promregatorMetrics'), /^promgate_build_info\{/m);
  });

  it('names each index once during a rolling deploy, and always the same instance of it', async () => {
    const old = instance('shop', '0', '10.0.0.1:80', { process_instance_id: 'b' });
    const young = instance('shop', '0', '10.0.0.2:80', { process_instance_id: 'a' });
    for (const apps of [[[old, young]], [[young, old]]]) {
      await using site = await serve(apps);
      const found = await groups(`${site.url}/discovery`);
      assert.deepEqual(
        found.map(({ labels }) => labels['__metrics_path__']),
        [`/singleTargetMetrics/${guidOf('shop')}/0`, '/promregatorMetrics'],
      );
    }
  });

  it('lists only what its path can name, whatever the tags say', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('0', '7', 'abc', '-', '../x'),
    );
    await fc.assert(
      fc.asyncProperty(text, text, text, async (appId, index, name) => {
        const odd = instance('shop', index, '10.0.0.1:80', { app_id: appId, app_name: name });
        await using site = await serve([[odd], [instance('mail', '0', '10.0.0.2:80')]]);

        const found = await groups(`${site.url}/discovery`);

        assert.equal(found.at(-2)?.labels['__meta_promregator_target_applicationName'], 'mail');
        for (const { labels } of found.slice(0, -1)) {
          assert.match(
            labels['__metrics_path__'] ?? '',
            /^\/singleTargetMetrics\/[-0-9a-f]+\/\d+$/,
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('lists to a tenant only its own apps, and not what it may not read', async () => {
    const shop = [instance('shop', '0', '10.0.0.1:80')];
    const mail = [instance('mail', '0', '10.0.0.2:80')];
    await using site = await serve([shop, mail], {}, { appId: guidOf('mail'), spaceId: 's-1' });

    const found = await groups(`${site.url}/discovery`);

    assert.deepEqual(
      found.map(({ labels }) => labels['__meta_promregator_target_applicationName']),
      ['mail'],
    );
  });

  it('names promgate as the outermost proxy was called, always with a port', async () => {
    const named = async (headers: Record<string, string>, more = {}): Promise<unknown> => {
      await using site = await serve([], more);
      const [own] = await groups(`${site.url}/discovery`, headers);
      return [own?.targets[0], own?.labels['__scheme__']];
    };

    const behind = { 'X-Forwarded-Host': 'promgate.example.com', 'X-Forwarded-Proto': 'https' };
    assert.deepEqual(await named(behind), ['promgate.example.com:443', 'https']);
    assert.deepEqual(await named({ 'X-Forwarded-Host': 'a.example.com' }), [
      'a.example.com:80',
      null,
    ]);
    assert.deepEqual(await named({ 'X-Forwarded-Host': '[::1]' }), ['[::1]:80', null]);
    const set = { address: 'p.example.com:8443', scheme: 'https' };
    assert.deepEqual(await named({ 'X-Forwarded-Host': 'other' }, set), [
      'p.example.com:8443',
      'https',
    ]);
  });

  it('answers 503 until the table is known', async () => {
    await using site = await serve([], { tableKnown: () => false });
    assert.equal((await fetch(`${site.url}/discovery`)).status, 503);
  });

  it('asks for a credential as /sd/apps does', async () => {
    const auth = { mode: 'basic', operators: [{ username: 'prometheus', password: 'secret' }] };
    await using scene = await startScene([page('a 1\n')], {}, { auth });
    const { promgate } = scene;
    const headers = { Authorization: `Basic ${btoa('prometheus:secret')}` };

    for (const place of [
      '/discovery',
      `/singleTargetMetrics/${GUID}/0`,
      '/promregatorMetrics',
      '/cache/invalidate',
    ]) {
      assert.equal((await promgate.get(place)).status, 401, place);
      assert.ok((await promgate.get(place, { headers })).ok, place);
    }
  });
});

describe('GET /singleTargetMetrics', () => {
  const PAGE = '# TYPE foo gauge\nfoo{instance="mine",job="x",app_name="other"} 1\nbar 2\n';

  it('gives the page as it came, and how the scrape went, without labels', async () => {
    await using scene = await startScene([page(PAGE)]);

    const answer = await scene.promgate.get(`/singleTargetMetrics/${GUID}/0`);
    const text = await answer.text();

    assert.equal(answer.status, 200);
    assert.match(text, /^foo\{instance="mine",job="x",app_name="other"\} 1$/m);
    assert.match(text, /^bar 2$/m);
    assert.match(text, /^promregator_up 1$/m);
    assert.match(text, /^promregator_scrape_duration_seconds \d[\d.e-]*$/m);
    assert.doesNotMatch(text, /promgate_/);
  });

  it('gives OpenMetrics to a reader that prefers it', async () => {
    await using scene = await startScene([
      page('# TYPE a counter\na_total 1\n# EOF\n', { contentType: OPENMETRICS_TYPE }),
    ]);

    const answer = await scene.promgate.get(`/singleTargetMetrics/${GUID}/0`, {
      headers: { Accept: 'application/openmetrics-text; version=1.0.0' },
    });

    const text = await answer.text();
    assert.match(text, /^a_total 1$/m);
    assert.match(text, /\npromregator_up 1\n(?:.*\n)*# EOF\n$/);
  });

  for (const [what, answer] of [
    ['refuses connections', 'refuse'],
    ['answers 500', status(500)],
    ['answers with HTML', html],
  ] as const) {
    it(`answers 200 and promregator_up 0 if the instance ${what}`, async () => {
      await using scene = await startScene([answer]);

      const answered = await scene.promgate.get(`/singleTargetMetrics/${GUID}/0`);
      const text = await answered.text();

      assert.equal(answered.status, 200);
      assert.match(text, /^promregator_up 0$/m);
      assert.match(text, /^promregator_scrape_duration_seconds /m);
    });
  }

  it("drops what would be a second promregator_up, but keeps Promregator's other families", async () => {
    const own = 'promregator_up{org_name="a"} 1\npromregator_lifecycle 5\npromregator_upper 6\n';
    await using scene = await startScene([page(own)]);

    const text = await scene.promgate.text(`/singleTargetMetrics/${GUID}/0`);

    assert.equal(text.match(/^promregator_up\b/gm)?.length, 1);
    assert.match(text, /^promregator_lifecycle 5$/m);
    assert.match(text, /^promregator_upper 6$/m);
  });

  it("answers with Promregator's statuses and texts", async () => {
    await using scene = await startScene([page('a 1\n')]);
    const answered = async (place: string): Promise<unknown> => {
      const answer = await scene.promgate.get(`/singleTargetMetrics/${place}`);
      return [answer.status, await answer.text()];
    };

    for (const index of ['x', '1.5', '0x1', '9999999999', '%30']) {
      assert.deepEqual(await answered(`${GUID}/${index}`), [
        400,
        'Invalid Instance Number provided',
      ]);
    }
    for (const guid of ['shop', 'A', '%41', 'a_b', '..%2f']) {
      assert.deepEqual(await answered(`${guid}/0`), [400, 'Invalid Application Id provided']);
    }
    const unknown = [404, 'Unable to determine any instance to scrape'];
    for (const place of [`${GUID}/1`, `${GUID}/-1`, `${GUID}/00`, 'abc/0', '-/0']) {
      assert.deepEqual(await answered(place), unknown, place);
    }
    assert.equal((await scene.promgate.get(`/singleTargetMetrics/${GUID}`)).status, 404);
  });

  it('does not share its page with a reader of the merged page', async () => {
    await using scene = await startScene([page(PAGE)], {}, { cache: { mode: 'ttl', ttl: '1m' } });
    const { promgate } = scene;

    const single = await promgate.text(`/singleTargetMetrics/${GUID}/0`);
    const merged = await promgate.text(`/v1/apps/${GUID}/metrics`);

    assert.doesNotMatch(single, /organization_name/);
    assert.match(merged, /^foo\{organization_id=/m);
  });
});

describe('GET /cache/invalidate', () => {
  it('drops kept pages if it names a cache', async () => {
    await using scene = await startScene(
      [page('a 1\n')],
      {},
      { cache: { mode: 'ttl', ttl: '1h' } },
    );
    const { promgate } = scene;
    const from = async (): Promise<string | null> => {
      const answer = await promgate.get(`/v1/apps/${GUID}/metrics`);
      await answer.arrayBuffer();
      return answer.headers.get('x-cache');
    };
    await from();

    const nothing = await promgate.get('/cache/invalidate?org=false');
    const kept = await from();
    const all = await promgate.get('/cache/invalidate?application=1&resolver=TRUE');
    const dropped = await from();
    const wrong = await promgate.get('/cache/invalidate?space=perhaps');

    assert.deepEqual([nothing.status, kept], [204, 'HIT']);
    assert.deepEqual([all.status, dropped], [204, 'MISS']);
    assert.equal(wrong.status, 400);
  });
});

describe("Prometheus with Promregator's scrape configuration", function () {
  this.timeout(SLOW_MS);

  const HOSTILE = { organization: 'a"b\\c', space: "{{x}} 'q' 100%", name: 'naïve 🐙 $1 \u202e' };

  it('reads every instance by http_sd, under the labels that it had', async function () {
    const program = requireProgram(this, 'prometheus');
    await using scene = await startScene([page('foo{instance="mine"} 7\n'), status(500)], {
      ...HOSTILE,
      routes: ['shop.apps.example.com'],
    });
    const { promgate } = scene;
    const guid = appGuid({ ...HOSTILE, addresses: [] });
    await using prometheus = await startPrometheus({
      program,
      config: {
        global: { scrape_interval: '1s' },
        scrape_configs: [
          {
            job_name: 'promregator',
            http_sd_configs: [{ url: `${promgate.url}/discovery` }],
            relabel_configs: RELABEL_CONFIGS,
          },
        ],
      },
    });

    const targets = await prometheus.scrapedTargets(3);
    const up = await prometheus.query('promregator_up');
    const [foo] = await prometheus.query('foo');

    assert.deepEqual(
      targets.map(({ health }) => health),
      ['up', 'up', 'up'],
    );
    const names = {
      org_name: HOSTILE.organization,
      space_name: HOSTILE.space,
      app_name: HOSTILE.name,
    };
    const values = up.map(({ labels, value }) => [labels['instance'], value]);
    assert.deepEqual(Object.fromEntries(values), { [`${guid}:0`]: '1', [`${guid}:1`]: '0' });
    assert.equal(foo?.value, '7');
    const { __name__: _, job: __, ...labels } = foo.labels;
    assert.deepEqual(labels, {
      ...names,
      app_id: guid,
      instance_number: '0',
      instance: `${guid}:0`,
      exported_instance: 'mine',
    });
  });

  it('reads every instance by file_sd, as a cron job writes the file', async function () {
    const program = requireProgram(this, 'prometheus');
    await using scene = await startScene([page('foo 7\n')]);
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-file-sd-'));
    try {
      const file = path.join(folder, 'promregator.json');
      await writeFile(file, await scene.promgate.text('/discovery'));
      await using prometheus = await startPrometheus({
        program,
        config: {
          global: { scrape_interval: '1s' },
          scrape_configs: [
            {
              job_name: 'promregator',
              file_sd_configs: [{ files: [file] }],
              relabel_configs: RELABEL_CONFIGS,
            },
          ],
        },
      });

      await prometheus.scrapedTargets(2);
      const [foo] = await prometheus.query('foo');

      assert.equal(foo?.labels['instance'], `${GUID}:0`);
      assert.equal(foo?.labels['org_name'], 'acme');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
