/**
 * The status page, in front of the whole program, when apps and neighbours misbehave: huge and hostile
 * pages, instances that hang, Redis that fails over, a clock that is set back, and a stop in between.
 */
import assert from 'node:assert/strict';
import { page as answerPage, hang, pageOf, trickle } from '../support/answers.ts';
import { startBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import {
  gorouterValues,
  type PromgateProcess,
  startPromgateProcess,
} from '../support/promgate-process.ts';
import { read } from '../support/reader.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { samplesOf } from '../support/samples.ts';
import { startScene } from '../support/scene.ts';

const good = { answers: [answerPage('foo 1\n')] };

const pathOf = ({ guid }: { readonly guid: string }): string => `/status/apps/${guid}`;

const jsonOf = async (promgate: PromgateProcess, path: string) =>
  JSON.parse(await promgate.text(path));

/** About 18 MB, in which every text that a tenant chooses looks like HTML, script or an escape. */
function hostilePage(): string {
  const script = '</pre><script>window.wasFooled=1</script><img src=x onerror=window.wasFooled=1>';
  const long = `long{a="${'<b>'.repeat(20_000)}"} 1\n`;
  const rows = Array.from(
    { length: 130_000 },
    (_, at) => `orders_total{at="${at}",path="${script}\\"\\\\\\n\u202e{{7*7}}\${7*7}"} ${at}\n`,
  );
  return `# HELP orders_total Orders ${script}.\n# TYPE orders_total counter\n${rows.join('')}${long}`;
}

describe('the status page in trouble', function () {
  this.timeout(SLOW_MS);

  it('shows a hostile page of 18 MB as text, while promgate answers others', async function () {
    await using browser = await startBrowser(this);
    const body = hostilePage();
    const huge = { answers: [answerPage(body), answerPage(body)] };
    await using scene = await startScene(
      { huge, good },
      { scrape: { max_body: '32MiB', max_bytes: '256MiB' } },
    );
    const { promgate, apps } = scene;
    const { page, troubles } = await browser.page();
    await page.goto(`${promgate.url}/#/app/${apps.huge.guid}`);
    let isShown = false;
    let answered = 0;

    await page.getByRole('button', { name: 'Scrape now' }).click();
    const others = (async () => {
      while (!isShown) {
        assert.equal((await read(`${promgate.url}/healthz`)).status, 200);
        assert.equal((await read(promgate.url + apps.good.path)).status, 200);
        answered += 1;
      }
    })();
    await page.waitForSelector('.families details', { timeout: SLOW_MS });
    isShown = true;
    await others;
    const orders = page.locator('details', { hasText: 'orders_total' }).first();
    await orders.locator('summary').click();
    await page.waitForSelector('details[open] pre');

    const text = await orders.innerText();
    assert.match(text, /<script>window\.wasFooled=1<\/script>/);
    assert.match(text, /\{\{7\*7\}\}\$\{7\*7\}/);
    assert.equal(await page.evaluate('window.wasFooled'), undefined);
    assert.equal(await page.locator('main img, main script, main b').count(), 0);
    assert.ok(answered > 5, `${answered} answers to others meanwhile`);
    const { items } = await jsonOf(promgate, pathOf(apps.huge));
    assert.deepEqual(
      items.map(({ state, samples }: { state: string; samples: number }) => [state, samples]),
      [
        ['up', 130_001],
        ['up', 130_001],
      ],
    );
    assert.deepEqual(troubles, []);
  });

  it('tells of instances that hang, and keeps one that trickles from no other', async () => {
    const stuck = { answers: [answerPage('foo 1\n'), hang, trickle('foo 1\n', 60_000)] };
    await using scene = await startScene({ stuck, good }, { scrape: { timeout: '1s' } });
    const { promgate, apps } = scene;

    const text = await promgate.text(`${pathOf(apps.stuck)}/page`);
    const { items } = await jsonOf(promgate, pathOf(apps.stuck));
    const { apps: failing } = await jsonOf(promgate, '/status/apps?state=failing');

    assert.equal(samplesOf(text, 'foo').length, 1);
    const told = items.map(
      ({ index, state, failure }: { index: string; state: string; failure?: string }) =>
        `${index} ${state} ${failure ?? ''}`,
    );
    assert.deepEqual(told.sort(), ['0 up ', '1 down timeout', '2 down timeout']);
    assert.equal(failing.length, 1);
    assert.deepEqual([failing[0].up, failing[0].down], [1, 2]);
  });

  it('answers open scrapes by hand whole when it is told to stop, and ends with 0', async () => {
    const rows = 'foo{x="y"} 1\n'.repeat(50_000);
    const slow = { answers: [answerPage(rows), hang] };
    await using scene = await startScene({ slow }, { drain: { wait: '2s' } });
    const { promgate, apps } = scene;
    const open = [1, 2, 3].map(() => read(`${promgate.url + pathOf(apps.slow)}/page`));
    const listed = read(`${promgate.url}/status/apps`);
    await eventually('the instances to be asked', () => apps.slow.instances[1]!.requests[0]);

    promgate.kill('SIGTERM');
    const stoppedMs = performance.now();
    const answers = await Promise.all(open);
    const exit = await promgate.exited;
    const tookMs = performance.now() - stoppedMs;

    for (const { status, body } of answers) {
      assert.equal(status, 200);
      const text = body.toString();
      assert.equal(samplesOf(text, 'foo').length, 50_000);
      const [failure] = samplesOf(text, 'promfetcher_scrape_error', { index: '1' });
      assert.equal(failure?.labels['error'], 'timeout');
    }
    assert.equal((await listed).status, 200);
    assert.deepEqual(exit, { code: 0, signal: null });
    assert.ok(tookMs < 11_000, `${tookMs} ms, with drain.wait and what the platform grants`);
    assert.equal(promgate.errors, '');
  });

  it('keeps its charts when the clock of the machine is set back by an hour', async () => {
    // SIGUSR2 sets the clock of the process back: the machine has only one.
    const setBack =
      'const now=Date.now;let back=0;Date.now=()=>now()-back;process.on("SIGUSR2",()=>{back=3600000})';
    const nodeOptions = [`--import=data:text/javascript,${encodeURIComponent(setBack)}`];
    await using scene = await startScene({ good }, {}, { nodeOptions });
    const { promgate, apps } = scene;
    const scraped = async () => {
      assert.equal((await promgate.get(`${pathOf(apps.good)}/page`)).status, 200);
      const { items, endsAtSeconds } = await jsonOf(promgate, pathOf(apps.good));
      const [{ askedSecondsAgo, history }] = items;
      return {
        ...{ askedSecondsAgo, endsAtSeconds },
        readings: history.samples.filter((one: number | null) => one !== null).length,
      };
    };
    const before = await scraped();

    promgate.kill('SIGUSR2');
    const after = await eventually('the clock to be set back', async () => {
      const seen = await scraped();
      return seen.endsAtSeconds < before.endsAtSeconds - 1_800 ? seen : undefined;
    });

    assert.ok(before.readings > 0 && after.readings >= before.readings, JSON.stringify(after));
    assert.ok(after.askedSecondsAgo < 1_800, `${after.askedSecondsAgo} s`);
  });

  it('of two replicas tells on each what that one knows, also while Redis fails over', async function () {
    await using redis = await startRedisServer(this);
    await using parts = new AsyncDisposableStack();
    let asked = 0;
    const shop = { answers: [pageOf(() => `asked ${++asked}\n`)] };
    const values = { redis: { url: redis.url } };
    const scene = parts.use(await startScene({ shop }, values));
    const routes = { gorouter: [gorouterValues(scene.gorouter)] };
    const other = parts.use(await startPromgateProcess({ values: { ...values, routes } }));
    const replicas = [scene.promgate, other];
    const path = pathOf(scene.apps.shop);
    const untilRedisIs = (state: string) =>
      eventually(`Redis to be ${state} on both`, async () => {
        const overviews = await Promise.all(replicas.map((at) => jsonOf(at, '/status/overview')));
        return overviews.every(({ mentions }) => mentions.redis === state) || undefined;
      });
    const stateOn = async (at: PromgateProcess) => (await jsonOf(at, path)).items[0].state;
    await untilRedisIs('ready');

    await scene.promgate.text(`${path}/page`);
    assert.deepEqual(await Promise.all(replicas.map(stateOn)), ['up', 'unasked']);
    await redis.goDown();
    await untilRedisIs('away');
    assert.match(await other.text(`${path}/page`), /^asked\{.*\} 2$/m);
    assert.deepEqual(await Promise.all(replicas.map(stateOn)), ['up', 'up']);
    await redis.comeBack();
    await untilRedisIs('ready');
    await redis.hang();
    assert.match(await other.text(`${path}/page`), /^asked\{.*\} 3$/m);
    redis.goOn();
    await untilRedisIs('ready');

    assert.deepEqual([scene.promgate.errors, other.errors], ['', '']);
  });
});
