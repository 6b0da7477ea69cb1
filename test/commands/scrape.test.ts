/** `promgate scrape`: the page, the table, the exit codes, and readers that leave. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { InstanceTable, printTable } from '../../src/commands/instance-table.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { hang, page, status } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import { runCommand, settings } from '../support/command.ts';
import { endpointsOf, routesJson } from '../support/foundation.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { startPromgateProcess } from '../support/promgate-process.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const OPERATOR = { username: 'ops', password: 'operator-password' };

/** Three apps in a routes file: one whole, one with failing instances, one that is down. */
async function startSite() {
  await using parts = new AsyncDisposableStack();
  const long = page(`a{b="${'x'.repeat(1_000)}"} 1
`);
  const many = page(Array.from({ length: 60_000 }, (_, at) => `m{at="${at}"} ${at}\n`).join(''));
  const answers = [long, page('a 2\n'), page('a 3\n'), status(503), hang, many];
  const apps = parts.use(await startAppInstances([...answers, 'refuse']));
  const { addresses } = apps;
  const app = (name: string, from: number, to: number) => ({
    ...{ organization: 'my-org', space: 'dev', name, addresses: addresses.slice(from, to) },
  });
  const folder = parts.use(new CertificateFolder());
  const file = folder.path('routes.json');
  const table = [app('shop', 0, 2), app('mailer', 2, 5), app('big', 5, 6), app('gone', 6, 7)];
  await writeFile(file, JSON.stringify(routesJson(table)));
  const held = parts.move();
  return {
    file,
    here: ['--set', `routes.file=${file}`, '--timeout', '2s'],
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

describe('promgate scrape', function () {
  this.timeout(SLOW_MS);

  let site: Awaited<ReturnType<typeof startSite>>;
  before(async () => {
    site = await startSite();
  });
  after(() => site?.[Symbol.asyncDispose]());

  it('prints the merged page, and a table of the instances on stderr', async () => {
    const { code, output, errors } = await runCommand(['scrape', 'my-org/dev/shop', ...site.here]);

    assert.equal(code, 0);
    assert.match(output, /^a\{organization_id="[^\n]*,app_name="shop",index="1",[^\n]*\} 2$/m);
    assert.match(
      errors,
      /^instance +state +duration +samples +failure\n0 127\.1\.0\.1:\d+ +up +\d+ ms +1\n1 /m,
    );
  });

  it('ends with 3 when some instances fail, and says why in words', async () => {
    const { code, errors } = await runCommand([...site.here, 'scrape', 'my-org/dev/mailer']);

    assert.equal(code, 3);
    assert.match(
      errors,
      /^1 \S+ +down .* status-5xx: the app answered with a status of 500 to 599/m,
    );
    assert.match(errors, /^2 \S+ +down .* timeout: no whole answer before the deadline/m);
  });

  it('ends with 4 when all fail, and with 5 for what is not known', async () => {
    const gone = await runCommand(['scrape', 'my-org/dev/gone', ...site.here]);
    const none = await runCommand(['scrape', 'my-org/dev/none', ...site.here]);
    const ninth = await runCommand(['scrape', 'my-org/dev/shop', '--instance', '9', ...site.here]);

    assert.equal(gone.code, 4);
    assert.equal(none.code, 5);
    assert.equal(none.errors, 'app my-org/dev/none is not among the 4 apps in the routes\n');
    assert.equal(ninth.code, 5);
  });

  it('asks one instance, by a route, in OpenMetrics if it can', async () => {
    const app = 'shop.apps.example.com';
    const args = ['--instance', '1', '--format', 'openmetrics', ...site.here];

    const { code, output, errors } = await runCommand(['scrape', app, ...args]);

    assert.equal(code, 0);
    assert.equal(errors.trim().split('\n').length, 2);
    assert.match(output, /^a\{.*\} 2$/m);
  });

  it('ends with 1 when no route source answers', async () => {
    const missing = await runCommand(['scrape', 'a/b/c', '--set', 'routes.file=/nowhere/routes']);
    const none = await runCommand(['scrape', 'a/b/c']);

    assert.deepEqual([missing.code, none.code], [1, 1]);
    assert.match(missing.errors, /^no route source has answered\nfile \/nowhere\/routes: .*ENOENT/);
    assert.match(none.errors, /routes names no source/);
  });

  it('refuses with 2 what makes no sense', async () => {
    const wrong: readonly (readonly [args: readonly string[], says: RegExp])[] = [
      [[], /^an app is missing/],
      [['a/b/c', 'd'], /^give one app only: remove d/],
      [['a/b/c', '--format', 'json'], /^--format takes text or openmetrics/],
      [['a/b/c', '--timeout', 'soon'], /^--timeout takes a time/],
      [['a/b/c', '--url', 'ftp://x'], /^--url takes an http: or https: URL/],
      [['a/b/c', '--url', 'http://u:p@x'], /^--url takes no credentials/],
      [['a/b/c', '--path', '/a\nb', '--set', 'routes.file=x'], /path/],
      [['a/b/c', '--live'], /^promgate scrape takes no --live/],
      [['a/b/c', '--config', '/'], /^\/: /],
    ];
    for (const [args, says] of wrong) {
      const { code, output, errors } = await runCommand(['scrape', ...args]);
      assert.equal(code, 2, args.join(' '));
      assert.equal(output, '');
      assert.match(errors, says);
    }
  });

  it('ends quietly when its reader leaves', async () => {
    const args = ['scrape', 'my-org/dev/big', ...site.here, '--timeout', '30s'];
    const line = `"$0" "$@" | head -n 1; exit \${PIPESTATUS[0]}`;
    const ran = Promise.withResolvers<{ out: string; err: string; error: unknown }>();
    const bash = ['-c', line, process.execPath, MAIN, ...args];
    execFile('bash', bash, (error, out, err) => ran.resolve({ out, err, error }));

    const { out, err, error } = await ran.promise;

    assert.equal(error, null);
    assert.equal(out.trim().split('\n').length, 1);
    assert.match(err, /^instance .*\n0 \S+ +up +\d+ ms +60000\n$/);
  });

  it('waits until NATS has told the routes', async function () {
    await using nats = await startNatsServer(this);
    await using apps = await startAppInstances([page('a 1\n')]);
    const app = { organization: 'my-org', space: 'dev', name: 'shop', addresses: apps.addresses };
    const [endpoint] = endpointsOf(app);
    const [host, port] = apps.addresses[0]!.split(':');
    const uris = ['shop.apps.example.com'];
    const text = JSON.stringify({ host, port: Number(port), uris, tags: endpoint!.tags });
    const emitter = connect(Number(nats.address.split(':')[1]), '127.0.0.1');
    emitter.write('CONNECT {"verbose":false}\r\n');
    const announce = () => emitter.write(`PUB router.register ${text.length}\r\n${text}\r\n`);
    const announcing = setInterval(announce, 20);
    const keys = settings({
      'routes.nats.servers': [`nats://${nats.address}`],
      'routes.nats.register_interval': '500ms',
    });

    const scraped = await runCommand(['scrape', 'my-org/dev/shop', ...keys]);
    const tried = await runCommand(['check', '--live', '--app', 'my-org/dev/shop', ...keys]);
    clearInterval(announcing);
    emitter.destroy();

    assert.equal(scraped.code, 0, scraped.errors);
    assert.match(scraped.errors, /^waiting 0\.5 s for the routes on NATS\ninstance .*\n0 \S+ +up/);
    assert.equal(tried.code, 0, tried.output);
    assert.match(tried.output, /^ok {6}app my-org\/dev\/shop: instance 0 /m);
  });

  describe('--url', () => {
    it('asks a running promgate with the token of the environment', async () => {
      const values = {
        routes: { file: site.file },
        auth: { mode: 'basic', operators: [OPERATOR] },
      };
      await using closed = await startPromgateProcess({ values });
      await using open = await startPromgateProcess({ values: { routes: { file: site.file } } });
      const app = ['scrape', 'my-org/dev/shop'];

      const right = await runCommand([...app, '--url', open.url], { PROMGATE_TOKEN: 'any' });
      const none = await runCommand(['scrape', 'my-org/dev/none', '--url', open.url]);
      const gone = await runCommand(['scrape', 'my-org/dev/gone', '--url', open.url]);
      const refused = await runCommand([...app, '--url', closed.url]);
      const wrong = await runCommand([...app, '--url', closed.url], {
        PROMGATE_TOKEN: 'wrong-one',
      });

      const named = await runCommand([...app, '--url', closed.url], {
        PROMGATE_TOKEN: `${OPERATOR.username}:${OPERATOR.password}`,
      });

      assert.equal(named.code, 0, named.errors);
      assert.equal(right.code, 0, right.errors);
      assert.match(right.output, /^a\{.*\} 2$/m);
      assert.match(right.errors, /^1 127\.1\.0\.2:\d+ +up /m);
      assert.equal(none.code, 5);
      assert.equal(gone.code, 4);
      assert.equal(refused.code, 1);
      assert.match(refused.errors, /promgate answered 401: .*\nset PROMGATE_TOKEN/);
      assert.match(wrong.errors, /PROMGATE_TOKEN is not accepted/);
      assert.ok(!wrong.errors.includes('wrong-one'));
    });

    it('ends with 1 when nothing listens there', async () => {
      const { code, errors } = await runCommand(['scrape', 'a/b/c', '--url', 'http://127.0.0.1:1']);

      assert.equal(code, 1);
      assert.match(errors, /^no answer of promgate at http:\/\/127\.0\.0\.1:1: .*\nlook at --url/);
    });
  });
});

describe('InstanceTable', () => {
  const PAGE = `a{b="promgate_instance_up{}"} 1
promgate_instance_up{app_name="ä \\"q\\"",index="0",instance="10.0.0.1:80"} 1
promgate_instance_up{app_name="x",index="1",instance="10.0.0.2:80"} 0
promgate_instance_scrape_samples{app_name="x",index="0",instance="10.0.0.1:80"} 7
promfetcher_scrape_error{app_name="x",index="1",instance="10.0.0.2:80",error="tls"} 1
`;

  it('reads the same from pieces of any size', () => {
    const bytes = Buffer.from(PAGE);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (sizes) => {
        const table = new InstanceTable();
        let at = 0;
        for (const size of sizes) {
          table.add(bytes.subarray(at, at + size));
          at += size;
        }
        table.add(bytes.subarray(at));
        const [first, second, ...others] = table.rows;
        assert.deepEqual([first?.isUp, first?.samples, first?.failure], [true, 7, undefined]);
        assert.deepEqual([second?.isUp, second?.failure, others.length], [false, 'tls', 0]);
      }),
    );
  });

  it('keeps no line that is longer than promgate writes any, and goes on behind it', () => {
    const table = new InstanceTable();
    for (let piece = 0; piece < 100; piece++) table.add(Buffer.alloc(65_536, 'p'));
    table.add(Buffer.from(`\n${PAGE}`));
    assert.equal(table.rows.length, 2);
  });

  it('prints no control character of an app', () => {
    const table = new InstanceTable();
    table.add(Buffer.from('promgate_instance_up{index="0",instance="\x1b[2J"} 1\n'));
    assert.match(printTable(table.rows), /^0 \?\[2J +up/m);
  });
});
