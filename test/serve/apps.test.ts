import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { freshToken } from '../../broker/token.ts';
import {
  endless,
  gzipBomb,
  hang,
  html,
  lie,
  OPENMETRICS_TYPE,
  page,
  pageOf,
  raw,
  redirect,
  resetMidBody,
  status,
  trickle,
} from '../support/answers.ts';
import { type AppInstances, startAppInstances } from '../support/app-instances.ts';
import { eventually } from '../support/eventually.ts';
import { appGuid } from '../support/foundation.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type Promgate, startPromgate } from '../support/promgate.ts';
import type { Answer } from '../support/simulated-server.ts';
import { seriesOf } from '../support/text-series.ts';

const APP = { organization: 'sys', space: 'tools', name: 'shop' } as const;
const PATH = '/v1/apps/sys/tools/shop/metrics';
const FOO = '# HELP foo A gauge.\n# TYPE foo gauge\nfoo{a="b"} 1\n';
const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

interface Scene extends AsyncDisposable {
  readonly promgate: Promgate;
  readonly instances: AppInstances;
  readonly guid: string;
}

/** One app whose instances give `answers`. */
async function startScene(
  answers: readonly (Answer | 'refuse')[],
  values: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  await using parts = new AsyncDisposableStack();
  const instances = parts.use(await startAppInstances(answers));
  const app = { ...APP, addresses: instances.addresses };
  const promgate = parts.use(await startPromgate({ apps: [app], values }));
  const held = parts.move();
  return {
    promgate,
    instances,
    guid: appGuid(app),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The value of a sample of the instance with this index. */
function sample(text: string, name: string, index: number): string | undefined {
  return new RegExp(`^${name}\\{[^}]*,index="${index}"[^}]*\\} (\\S+)`, 'm').exec(text)?.[1];
}

describe('app pages', () => {
  it('answer under every form that Promfetcher has', async () => {
    await using scene = await startScene([page(FOO), page(FOO)]);
    const { promgate, guid } = scene;
    const forms = [
      '/v1/apps/sys%2Ftools%2Fshop/metrics',
      '/v1/apps/sys/tools/shop/metrics',
      `/v2/apps/${guid}/metrics`,
      `/v2/apps/metrics?app=${guid}`,
      '/v2/apps/metrics?app=sys/tools/shop',
      '/v2/apps/metrics?app=%22sys/tools/shop%22',
      '/v2/apps/metrics?route_url=shop.apps.example.com',
      '/v2/apps/metrics?route_url=https://shop.apps.example.com',
      '/v2/apps/SHOP.apps.example.com/metrics',
      '/v2/apps/shop.apps.example.com/only-app-metrics',
      '/v1/apps/only-app-metrics?app=sys/tools/shop',
      `/v2/apps/${guid}/metrics?only_from_app`,
      '/v1/apps/metrics?app=sys/tools/shop&route_url=other.example.com',
    ];

    for (const form of forms) {
      const answer = await promgate.get(form);
      const text = await answer.text();

      assert.equal(answer.status, 200, form);
      assert.equal(answer.headers.get('content-type'), TEXT);
      assert.match(answer.headers.get('vary') ?? '', /Accept.*Accept-Encoding/);
      assert.equal(text.match(/^foo\{/gm)?.length, 2, form);
      assert.equal(sample(text, 'promgate_instance_up', 1), '1');
    }
  });

  it('carry the labels in the order that Promfetcher prints them', async () => {
    await using scene = await startScene([page(FOO)]);
    const { promgate, instances } = scene;

    const text = await promgate.text(PATH);

    const guid = '[0-9a-f-]{36}';
    const [address = ''] = instances.addresses;
    const labels =
      `organization_id="${guid}",space_id="${guid}",app_id="${scene.guid}",` +
      'organization_name="sys",space_name="tools",app_name="shop",index="0",instance_id="0",' +
      `instance="${RegExp.escape(address)}",a="b"`;
    assert.match(text, new RegExp(`^foo\\{${labels}\\} 1$`, 'm'));
  });

  it("show no app a binding's token, wherever a reader puts it", async () => {
    await using scene = await startScene([page(FOO)]);
    const { promgate, instances } = scene;
    const token = freshToken();
    const escaped = encodeURIComponent(token.replaceAll('_', '%5F'));

    for (const path of [
      `${PATH}?metric_path=/${token}`,
      `${PATH}?metric_path=/x%3Fy=${escaped}`,
      `/v1/apps/${token}/metrics`,
    ]) {
      assert.equal((await promgate.get(path)).status, 400, path);
    }
    for (const name of ['X-Forwarded-For', 'Referer', 'X-Promgate-Via', `X-${token}`]) {
      const headers = { [name]: `http://h/?x=${escaped}` };
      assert.equal((await promgate.get(PATH, { headers })).status, 200, name);
    }

    assert.equal(instances.instances[0]?.requests.length, 4);
    assert.doesNotMatch(
      JSON.stringify(instances.instances[0]?.requests),
      /promgate(?:_[A-Za-z0-9]|%)/,
    );
  });

  it('refuse with the texts and codes of Promfetcher', async () => {
    await using scene = await startScene([status(404), status(404)]);
    const said = "Cannot found endpoint '/mine' for app with id or path";
    const cases: readonly [path: string, status: number, text: string][] = [
      ['/v1/apps/metrics', 400, '400 Bad Request: You must set app id or path'],
      ['/v2/apps/metrics?app=', 400, '400 Bad Request: You must set app id or path'],
      ['/v2/apps/nowhere/metrics', 404, '404 Cannot found app with id or path nowhere\n'],
      [
        '/v2/apps/SYS/tools/shop/metrics',
        404,
        '404 Cannot found app with id or path SYS/tools/shop\n',
      ],
      [
        `${PATH}?metric_path=mine`,
        406,
        `406 ${said} 'sys/tools/shop (status code 404)', please create one\n`,
      ],
    ];

    for (const [path, code, text] of cases) {
      const answer = await scene.promgate.get(path);

      assert.equal(await answer.text(), text);
      assert.equal(answer.status, code);
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
    }
  });

  it('are 200 when one instance answers 404, or when all do beside an exporter', async () => {
    await using exporter = await startAppInstances([page('ext 1\n')]);
    const external_exporters = [{ name: 'probe', host: exporter.addresses[0] }];
    await using one = await startScene([page(FOO), status(404)]);
    await using all = await startScene([status(404)], { external_exporters });

    const beside = await one.promgate.get(PATH);
    const withExporter = await all.promgate.get(PATH);
    const without = await all.promgate.get('/v1/apps/sys/tools/shop/only-app-metrics');

    assert.deepEqual([beside.status, withExporter.status, without.status], [200, 200, 200]);
    assert.match(await beside.text(), /index="1".*error="status-4xx"/);
  });

  it('refuse what no instance may be asked for, and broken escapes', async () => {
    await using scene = await startScene([page(FOO)]);
    const { promgate, instances } = scene;
    const bad = ['//evil.example.com/', '/a%5Cb', '/a%00', '/a%23b', '%2F%2Fevil'];

    for (const path of bad) {
      const answer = await promgate.get(`${PATH}?metric_path=${path}`);
      assert.equal(answer.status, 400, path);
      assert.match(await answer.text(), /^400 Bad Request: metric_path /);
    }
    assert.equal((await promgate.get('/v1/apps/%zz/metrics')).status, 400);
    assert.equal((await promgate.get(`${PATH}?process=%20`)).status, 400);
    assert.equal(instances.instances[0]?.requests.length, 0);
  });

  it('answer HEAD without asking an instance, and no other method', async () => {
    await using scene = await startScene([page(FOO)]);
    const { promgate, instances, guid } = scene;

    const head = await promgate.get(PATH, { method: 'HEAD' });
    const ofOne = await promgate.get(`/v1/apps/${guid}/instances/0/metrics`, { method: 'HEAD' });
    const missing = await promgate.get('/v1/apps/nowhere/metrics', { method: 'HEAD' });
    const post = await promgate.get(PATH, { method: 'POST' });

    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-type'), TEXT);
    assert.equal(ofOne.status, 200);
    assert.equal(missing.status, 404);
    assert.equal(post.status, 405);
    assert.equal(post.headers.get('allow'), 'GET, HEAD');
    assert.equal(instances.instances[0]?.requests.length, 0);
  });

  it('take a page whose Content-Type is the Accept that was sent: as text, then as OpenMetrics', async () => {
    const contentType = `${OPENMETRICS_TYPE},text/plain;version=0.0.4;q=0.3,*/*;q=0.2`;
    const openMetrics = '# TYPE bar counter\nbar_total 2 # {a="b"} 1\n# EOF\n';
    await using scene = await startScene([
      page('foo 1\n', { contentType }),
      page(openMetrics, { contentType }),
      page('neither {\n', { contentType }),
    ]);

    const text = await (await scene.promgate.get(PATH)).text();

    assert.equal(sample(text, 'foo', 0), '1');
    assert.equal(sample(text, 'bar_total', 1), '2');
    assert.match(text, /^promfetcher_scrape_error\{.*index="2".*error="invalid"\} 1$/m);
  });

  it('read what breaks the HTTP standard, count it, and tell the log why', async () => {
    const odd = raw(
      `HTTP/1.1 200 OK\r\nContent-Encoding: utf-8\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${FOO.length.toString(16)}\r\n${FOO}\r\n0\r\n\r\n`,
    );
    await using scene = await startScene([page(FOO), odd, raw('SSH-2.0-OpenSSH_9.2\r\n')]);
    const { promgate } = scene;

    const texts = [await promgate.text(PATH), await promgate.text(PATH)];

    for (const text of texts) {
      assert.equal(sample(text, 'foo', 0), '1');
      assert.equal(sample(text, 'foo', 1), '1');
      assert.match(text, /^promfetcher_scrape_error\{.*index="2".*error="not-http"\} 1$/m);
    }
    const own = await promgate.text('/metrics');
    assert.match(own, /^promgate_fetch_lenient_answers_total 2$/m);
    const told = promgate.log.filter(({ message }) => message.includes('breaks the HTTP standard'));
    assert.equal(told.length, 1);
    assert.match(String(told[0]?.fields?.['because']), /content-length header/);
    const failed = promgate.log.find(({ message }) => message === 'no metrics from an instance');
    assert.match(String(failed?.fields?.['detail']), /"SSH-2/);
  });

  it('hold every failure as a word, beside the samples of the others', async () => {
    const answers: readonly [answer: Answer | 'refuse', word: string][] = [
      ['refuse', 'refused'],
      [hang, 'timeout'],
      [trickle(FOO), 'timeout'],
      [endless, 'too-large'],
      [await gzipBomb(5_000_000), 'too-large'],
      [lie(FOO, 10_000), 'truncated'],
      [resetMidBody(FOO), 'truncated'],
      [html, 'not-metrics'],
      [page('{"json": true}', { contentType: 'application/json' }), 'not-metrics'],
      [page('foo 1\nthis is {garbage\n'), 'invalid'],
      [page('foo 1\n', { contentType: OPENMETRICS_TYPE }), 'invalid'],
      [status(401), 'status-4xx'],
      [status(500), 'status-5xx'],
      [status(204), 'status-other'],
      [redirect('http://login.example.com/'), 'redirect'],
    ];
    const scrape = { timeout: '2s', max_body: '1MiB' };
    await using scene = await startScene([page(FOO), ...answers.map(([a]) => a)], { scrape });
    const { promgate } = scene;

    const response = await promgate.get(PATH);
    const text = await response.text();

    assert.equal(response.status, 200);
    assert.equal(sample(text, 'foo', 0), '1');
    assert.equal(sample(text, 'promgate_instance_up', 0), '1');
    assert.equal(sample(text, 'promgate_instance_scrape_samples', 0), '1');
    assert.equal(sample(text, 'promgate_instance_scrape_bytes', 0), String(FOO.length));
    for (const [at, [, word]] of answers.entries()) {
      const labels = `[^}]*,index="${at + 1}"[^}]*error="${word}"`;
      const error = new RegExp(`^promfetcher_scrape_error\\{${labels}\\} 1$`, 'm');
      assert.match(text, error, `instance ${at + 1}: ${word}`);
      assert.equal(sample(text, 'promgate_instance_up', at + 1), '0');
    }
    const logged = promgate.log.findLast(({ message }) => message === 'request')?.fields ?? {};
    assert.equal(logged['instances_ok'], 1);
    assert.equal(logged['instances_failed'], answers.length);
    const own = await promgate.text('/metrics');
    assert.match(own, /^promgate_fetch_failures_total\{failure="not-metrics"\} 2$/m);
    assert.match(own, /^promfetch_metric_fetch_success_total\{.*app_name="shop"\} 1$/m);
  });

  it('are 200 when all instances fail: the failures are the answer', async () => {
    await using scene = await startScene(['refuse', 'refuse']);

    const response = await scene.promgate.get(PATH);

    assert.equal(response.status, 200);
    assert.equal(sample(await response.text(), 'promgate_instance_up', 1), '0');
  });

  it('count what they left out, and types that differ', async () => {
    const answers = [page('# TYPE foo counter\nfoo 1\n'), page('# TYPE foo gauge\nfoo 2\n')];
    await using scene = await startScene([...answers, page('promgate_instance_up 1\n')]);
    await scene.promgate.text(PATH);

    const own = await scene.promgate.text('/metrics');

    assert.match(own, /^promgate_merge_type_conflicts_total 1$/m);
    assert.match(own, /^promgate_merge_reserved_samples_dropped_total 1$/m);
  });

  it('follow a redirect to a path of the same instance', async () => {
    const answer: Answer = (exchange) =>
      (exchange.request.target === '/real?x=1' ? page(FOO) : redirect('/real?x=1'))(exchange);
    await using scene = await startScene([answer]);

    assert.equal(sample(await scene.promgate.text(PATH), 'foo', 0), '1');
  });

  it('keep all instances of a rolling deploy, and of two apps on one route', async () => {
    await using old = await startAppInstances([page('foo 1\n'), page('foo 2\n')]);
    await using fresh = await startAppInstances([page('foo 3\n')]);
    await using worker = await startAppInstances([page('foo 4\n')]);
    await using green = await startAppInstances([page('foo 5\n')]);
    const app = { ...APP, routes: ['shop.example.com'] };
    await using promgate = await startPromgate({
      apps: [
        { ...app, addresses: old.addresses },
        { ...app, addresses: fresh.addresses, revision: '2' },
        { ...app, addresses: worker.addresses, processType: 'worker' },
        { ...app, name: 'green', addresses: green.addresses },
      ],
    });
    const values = async (path: string): Promise<string> => {
      const found = (await promgate.text(path)).matchAll(/^foo\{.*\} (\d)$/gm);
      return Array.from(found, ([, value]) => value)
        .sort()
        .join('');
    };

    assert.equal(await values(PATH), '123');
    assert.equal(await values(`${PATH}?process=worker`), '4');
    assert.equal(await values(`${PATH}?process=all`), '1234');
    assert.equal(await values('/v1/apps/shop.example.com/metrics'), '12345');
    const guid = appGuid({ ...APP, addresses: [] });
    const one = await promgate.get(`/v1/apps/${guid}/instances/0/metrics`);
    assert.equal(one.status, 409);
    assert.match(await one.text(), /"code":"ambiguous"/);
  });

  it('of one instance fail as the instance does', async () => {
    const answers = [page(FOO), 'refuse', hang, status(500)] as const;
    await using scene = await startScene(answers, { scrape: { timeout: '1s' } });
    const { promgate, guid } = scene;
    const get = (id: string): Promise<Response> =>
      promgate.get(`/v1/apps/${guid}/instances/${id}/metrics`);
    const [endpoint] = promgate.gorouter.routes['shop.apps.example.com'] ?? [];
    const id = endpoint?.tags['process_instance_id'] ?? '';
    const foo = async (answer: Response): Promise<string[]> =>
      seriesOf(await answer.text()).filter((line) => line.startsWith('foo'));

    assert.deepEqual(await foo(await get(id)), await foo(await get('0')));
    assert.equal((await get('1')).status, 502);
    assert.equal((await get('2')).status, 504);
    const failed = await get('3');
    assert.equal(failed.status, 502);
    assert.match(await failed.text(), /"failure":"status-5xx"/);
    assert.equal((await get('9')).status, 404);
    assert.equal((await get('%zz')).status, 400);
    assert.equal((await promgate.get('/v1/apps/sys/instances/0/metrics')).status, 404);
  });

  it('end at the deadline of the reader', async () => {
    await using scene = await startScene([page(FOO), hang]);

    const text = await scene.promgate.text(PATH, {
      headers: { 'X-Prometheus-Scrape-Timeout-Seconds': '0.8' },
    });

    assert.match(text, /error="timeout"/);
    assert.equal(sample(text, 'foo', 0), '1');
  });

  it('pass the headers of the reader on, and none that are ours', async () => {
    const echo = pageOf(({ headers }) =>
      Object.entries(headers)
        .map(([name, value]) => `header{name="${name}",value="${value.replaceAll('"', '')}"} 1\n`)
        .join(''),
    );
    await using scene = await startScene([echo]);

    const text = await scene.promgate.text('/v2/apps/sys/tools/shop/metrics', {
      headers: { Authorization: 'Basic Zm9v', 'X-Mine': 'yes', Cookie: 'a=b', 'X-CF-Foo': 'x' },
    });

    const header = /^header\{.*name="([^"]*)",value="([^"]*)"\} 1$/gm;
    const seen = new Map(Array.from(text.matchAll(header), ([, name, value]) => [name, value]));
    assert.equal(seen.get('host'), 'shop.apps.example.com');
    assert.equal(seen.get('authorization'), 'Basic Zm9v');
    assert.equal(seen.get('x-mine'), 'yes');
    assert.equal(seen.get('x-promfetcher-scrapping'), 'true');
    assert.equal(seen.get('accept-encoding'), 'gzip');
    assert.equal(seen.get('x-forwarded-proto'), 'http');
    assert.match(seen.get('accept') ?? '', /^text\/plain;version=0\.0\.4/);
    assert.match(seen.get('x-prometheus-scrape-timeout-seconds') ?? '', /^\d+(\.\d+)?$/);
    assert.equal(seen.get('cookie'), undefined);
    assert.equal(seen.get('x-cf-foo'), undefined);
  });

  it('keep the credential for promgate from the apps', async () => {
    const echo = pageOf(({ headers }) => `seen{auth="${headers['authorization'] ?? ''}"} 1\n`);
    await using instances = await startAppInstances([echo]);
    const operators = [{ username: 'op', password: 'secret' }];
    await using promgate = await startPromgate({
      apps: [{ ...APP, addresses: instances.addresses }],
      values: { auth: { mode: 'basic', operators } },
    });
    const Authorization = `Basic ${Buffer.from('op:secret').toString('base64')}`;

    const without = await promgate.get(PATH);
    const hidden = await promgate.text(PATH, { headers: { Authorization } });
    const passed = await promgate.text(PATH, {
      headers: { Authorization, 'X-Forward-Authorization': 'Bearer mine' },
    });

    assert.equal(without.status, 401);
    assert.match(without.headers.get('www-authenticate') ?? '', /^Basic /);
    assert.match(hidden, /^seen\{.*auth=""\} 1$/m);
    assert.match(passed, /^seen\{.*auth="Bearer mine"\} 1$/m);
  });

  it('ask for OpenMetrics in /v1 when the reader prefers it, and for text in /v2', async () => {
    const om = '# TYPE foo counter\nfoo_total 1\n# EOF\n';
    const answer: Answer = (exchange) =>
      /openmetrics/.test(exchange.request.headers['accept'] ?? '')
        ? page(om, { contentType: OPENMETRICS_TYPE })(exchange)
        : page('# TYPE foo_total counter\nfoo_total 1\n')(exchange);
    await using scene = await startScene([answer, answer]);
    const headers = { Accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' };

    const v1 = await scene.promgate.get(PATH, { headers });
    const v2 = await scene.promgate.get('/v2/apps/sys/tools/shop/metrics', { headers });

    assert.equal(v1.headers.get('content-type'), OPENMETRICS_TYPE);
    assert.match(await v1.text(), /^# TYPE foo counter\nfoo_total\{.*# EOF\n$/s);
    assert.equal(v2.headers.get('content-type'), TEXT);
    assert.match(await v2.text(), /^# TYPE foo_total counter$/m);
  });

  it('are gzipped for those who accept it', async () => {
    await using scene = await startScene([page(FOO), page(FOO)]);
    const url = scene.promgate.url + PATH;

    const zipped = await rawGet(url, { encoding: 'gzip' });
    const plain = await rawGet(url, { encoding: 'identity' });

    assert.equal(zipped.encoding, 'gzip');
    assert.equal(plain.encoding, undefined);
    assert.deepEqual(withoutDurations(gunzipSync(zipped.body)), withoutDurations(plain.body));
  });

  it('refuse to go round in circles', async () => {
    await using scene = await startScene([page(FOO)]);
    const headers = { 'X-Promgate-Via': 'promgate' };

    const answer = await scene.promgate.get(PATH, { headers });
    const path = `/v1/apps/${scene.guid}/instances/0/metrics`;
    const ofOne = await scene.promgate.get(path, { headers });
    const own = await scene.promgate.get('/metrics', { headers });

    assert.equal(answer.status, 508);
    assert.equal(ofOne.status, 508);
    assert.match(await answer.text(), /"code":"loop"/);
    assert.equal(own.status, 200);
  });

  it('ask external exporters once per app, with its labels, without headers of the reader', async () => {
    const echo = pageOf(
      ({ target, headers }) => `ext{url="${target}",auth="${headers['authorization'] ?? ''}"} 1\n`,
    );
    await using exporters = await startAppInstances([echo, 'refuse']);
    const [host, down] = exporters.addresses;
    const params = { 'app[]': ['{{.AppName}}', '{{ .OrganizationName }}/{{.SpaceName}}'] };
    const external_exporters = [
      { name: 'probe', host, metrics_path: '/probe', params },
      { name: 'down', host: down },
    ];
    await using scene = await startScene([page(FOO), page(FOO)], { external_exporters });
    const headers = { Authorization: 'Basic Zm9vOmJhcg==' };

    const text = await scene.promgate.text(PATH, { headers });
    const only = await scene.promgate.text('/v1/apps/sys/tools/shop/only-app-metrics', { headers });

    const app = 'organization_name="sys",space_name="tools",app_name="shop"';
    const url = '/probe\\?app%5B%5D=shop&app%5B%5D=sys%2Ftools';
    assert.match(text, new RegExp(`^ext\\{[^}]*${app},url="${url}",auth=""\\} 1$`, 'm'));
    const error = 'promfetcher_scrape_external_exporter_error';
    const labels = `${app},instance="[^"]*",name="down",error="refused"`;
    assert.match(text, new RegExp(`^${error}\\{[^}]*${labels}\\} 1$`, 'm'));
    assert.equal(exporters.instances[0]?.requests.length, 1);
    assert.doesNotMatch(only, /ext|external_exporter/);
  });

  it('are the same wherever the pages of the instances are cut on their way', async () => {
    const whole = Buffer.from(`${FOO}h_bucket{le="+Inf",x="ü"} 5 1700000000000\n`);
    const answers = Array.from(
      whole.keys(),
      (cut): Answer =>
        async ({ socket }) => {
          socket.setNoDelay(true);
          socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n`);
          socket.write(`Content-Length: ${whole.length}\r\n\r\n`);
          await new Promise((resolve) => socket.write(whole.subarray(0, cut), resolve));
          await new Promise(setImmediate);
          socket.write(whole.subarray(cut));
        },
    );
    await using scene = await startScene(answers);

    const merged = await scene.promgate.text(PATH);

    assert.equal(merged.match(/^foo\{.*a="b"\} 1$/gm)?.length, answers.length);
    const histogram = /^h_bucket\{.*le="\+Inf",x="ü"\} 5 1700000000000$/gm;
    assert.equal(merged.match(histogram)?.length, answers.length);
  });

  it('end without a fault when a reader leaves in the midst of them', async () => {
    const lines = Array.from(
      { length: 50_000 },
      (_, n) => `foo{n="${n}",text="${'x'.repeat(40)}"} 1`,
    );
    await using scene = await startScene([page(`${lines.join('\n')}\n`)]);
    const { promgate } = scene;
    const { hostname, port } = new URL(promgate.url);
    const requests = () => promgate.log.filter(({ message }) => message === 'request');
    const before = requests().length;

    const socket = connect(Number(port), hostname);
    socket.write(`GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(3));
    await once(socket, 'readable');
    socket.destroy();
    await eventually('all three have ended', () => requests().length === before + 3 || undefined);

    assert.deepEqual(
      promgate.log.filter(({ level }) => level === 'error'),
      [],
    );
    const left = /^promgate_scrape_bytes_in_flight 0$/m;
    await eventually(
      'the bytes are free',
      async () => left.test(await promgate.text('/metrics')) || undefined,
    );
  });

  it('go to 200 readers at once, each byte to its own, to slow and gzipped ones too', async () => {
    const lines = Array.from({ length: 1000 }, (_, n) => `foo{n="${n}",path="/PATH"} ${n}\n`);
    const answer = pageOf(({ target }) => lines.join('').replaceAll('/PATH', target));
    await using scene = await startScene([answer, answer, answer]);
    const url = (n: number): string => `${scene.promgate.url}${PATH}?metric_path=/reader-${n}`;

    const pages = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        rawGet(url(n), { encoding: n % 2 ? 'gzip' : 'identity', slow: n % 3 === 0 }),
      ),
    );

    for (const [n, { body, encoding }] of pages.entries()) {
      const text = (encoding === 'gzip' ? gunzipSync(body) : body).toString();
      assert.deepEqual([...new Set(text.match(/path="[^"]*"/g))], [`path="/reader-${n}"`]);
      assert.equal(text.match(/^foo\{/gm)?.length, 3000);
      assert.equal(sample(text, 'promgate_instance_up', 2), '1');
    }
  }).timeout(SLOW_MS);
});

function withoutDurations(page: Buffer): string[] {
  const lines = page.toString().split('\n');
  return lines.filter((line) => !line.startsWith('promgate_instance_scrape_duration'));
}

interface RawAnswer {
  readonly body: Buffer;
  readonly encoding: string | undefined;
}

/** A GET whose body is left as it comes; a slow reader lets each piece wait. */
function rawGet(
  url: string,
  { encoding, slow = false }: { readonly encoding: string; readonly slow?: boolean },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: { 'Accept-Encoding': encoding }, agent: false });
    sent.once('error', reject);
    sent.once('response', async (response) => {
      const pieces: Buffer[] = [];
      try {
        for await (const piece of response) {
          pieces.push(piece);
          if (slow) await new Promise(setImmediate);
        }
        resolve({ body: Buffer.concat(pieces), encoding: response.headers['content-encoding'] });
      } catch (error) {
        reject(error);
      }
    });
    sent.end();
  });
}
