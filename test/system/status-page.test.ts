/**
 * The status page in a real browser, in front of the whole program: what a newcomer, an operator and an
 * app team see, and what they must not see.
 */
import assert from 'node:assert/strict';
import { page as answerPage, status } from '../support/answers.ts';
import {
  assertAccessible,
  assertFits,
  type OpenBrowser,
  startBrowser,
} from '../support/browser.ts';
import { SLOW_MS } from '../support/limits.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { type Scene, startScene } from '../support/scene.ts';

const OPERATOR = { username: 'ops', password: 'open-sesame' };
const HOSTILE = '<img src=x onerror=alert(1)>';

const APPS = {
  shop: {
    ...{ organization: 'acme', space: 'prod', name: 'shop' },
    answers: [answerPage('orders_total{path="<b>x</b>"} 7\n'), status(500)],
  },
  mailer: {
    ...{ organization: 'rivals', space: 'lab', name: HOSTILE, routes: ['mailer.example.com'] },
    answers: [answerPage('# TYPE mails_total counter\nmails_total 1\n')],
  },
} as const;

type Mode = 'open' | 'basic' | 'both' | 'token';

function start(mode: Mode): Promise<Scene<keyof typeof APPS>> {
  const operators = mode === 'open' ? {} : { operators: [OPERATOR] };
  return startScene(APPS, {
    broker: BROKER,
    database: { url: 'sqlite::memory:', encryption_key: 'a key of sixteen characters' },
    auth: { mode, ...operators },
  });
}

async function tokenOf({ promgate, gorouter, apps }: Scene<keyof typeof APPS>): Promise<string> {
  const spaceId = gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '';
  const platform = new Platform({ url: promgate.url });
  await platform.createService('service-1', spaceId);
  const { body } = await platform.bind('service-1', 'bind-1', { appId: apps.shop.guid, spaceId });
  assert.equal(typeof body.credentials.token, 'string', JSON.stringify(body));
  return body.credentials.token;
}

const ROW = '#apps .row';

describe('the status page in a browser', function () {
  this.timeout(SLOW_MS);
  let browser: OpenBrowser;

  before(async function () {
    browser = await startBrowser(this);
  });
  after(() => browser?.[Symbol.asyncDispose]());

  it('finds an app, says why an instance fails, and scrapes now', async () => {
    await using scene = await start('open');
    const { page, troubles } = await browser.page();
    await page.goto(scene.promgate.url);
    await page.waitForSelector(ROW);
    assert.equal(await page.locator(ROW).count(), 2);
    assert.ok(await page.getByText(HOSTILE).isVisible(), 'a name is text, whatever it holds');
    await assertAccessible(page);

    await page.getByLabel('Search apps').fill('ACME shop');
    await page.locator(ROW).nth(1).waitFor({ state: 'detached' });
    await page.locator(ROW).click();
    await page.getByRole('button', { name: 'Scrape now' }).click();
    await page.waitForSelector('.families details');
    await page.locator('summary', { hasText: 'orders_total' }).click();
    await page.waitForSelector('.instance.down');

    assert.match(await page.locator('pre').innerText(), /orders_total\{.*path="<b>x<\/b>".*\} 7/);
    const failing = await page.locator('.instance.down').innerText();
    assert.match(failing, /status-5xx/);
    assert.match(failing, /The app failed while it wrote its metrics\.\s+\(status 500\)/);
    assert.match(failing, /Read the app's log/);
    assert.equal(await page.locator('.chart canvas').count(), 2);
    await assertAccessible(page);
    assert.deepEqual(troubles, []);
  });

  it('can be used by the keyboard alone', async () => {
    await using scene = await start('open');
    const { page, troubles } = await browser.page();
    await page.goto(scene.promgate.url);
    await page.waitForSelector(ROW);
    const press = async (key: string, until: string): Promise<void> => {
      for (let times = 0; times < 30; times += 1) {
        await page.keyboard.press(key);
        if (await page.evaluate<boolean>(`document.activeElement.matches('${until}')`)) return;
      }
      assert.fail(`${key} does not lead to ${until}`);
    };

    await press('Tab', '#search');
    await page.keyboard.type('acme');
    await page.locator(ROW).nth(1).waitFor({ state: 'detached' });
    await press('Tab', '.row');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.title h1');
    await press('Tab', 'button.primary');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.families details');
    await press('Tab', 'summary');
    await page.keyboard.press('Enter');
    await page.waitForSelector('details[open]');

    assert.deepEqual(troubles, []);
  });

  it('fits screens from 360 px on, in light and dark', async () => {
    await using scene = await start('open');
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [360, 1_280, 2_560]) {
        const { page, troubles } = await browser.page({ width, colorScheme });
        await page.goto(scene.promgate.url);
        await page.waitForSelector(ROW);
        await assertFits(page);
        await assertAccessible(page);
        await page.goto(`${scene.promgate.url}/#/app/${scene.apps.shop.guid}`);
        await page.getByRole('button', { name: 'Scrape now' }).click();
        await page.waitForSelector('.families details');
        await assertFits(page);
        await assertAccessible(page);
        assert.deepEqual(troubles, []);
        await page.close();
      }
    }
  });

  it('shows a tenant its own app after the login, and no other', async () => {
    await using scene = await start('both');
    const token = await tokenOf(scene);
    const { page, troubles } = await browser.page();
    await page.goto(scene.promgate.url);
    await page.waitForSelector('form.login');
    await assertAccessible(page);

    await page.getByLabel('Token or password').fill('a-wrong-token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This credential was not accepted.').waitFor();
    await page.getByLabel('Token or password').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForSelector(ROW);
    assert.equal(await page.locator(ROW).count(), 1);
    assert.doesNotMatch(await page.locator('body').innerText(), /rivals|127\.0\.0\.1/);

    await page.goto(`${scene.promgate.url}/#/app/${scene.apps.mailer.guid}`);
    await page.getByRole('heading', { name: 'No such app' }).waitFor();
    assert.deepEqual(await page.context().cookies(), []);
    assert.equal(await page.evaluate<number>('localStorage.length'), 0);
    assert.deepEqual(troubles, []);
  });

  for (const mode of ['basic', 'token', 'both'] as const) {
    it(`lets an operator in with auth.mode ${mode}, and out again`, async () => {
      await using scene = await start(mode);
      const { page, troubles } = await browser.page();
      await page.goto(scene.promgate.url);
      await page.waitForSelector('form.login');

      const name = page.locator('#name');
      assert.equal(await name.count(), mode === 'token' ? 0 : 1);
      if (mode !== 'token') await name.fill(OPERATOR.username);
      await page.locator('#secret').fill(OPERATOR.password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForSelector(ROW);
      assert.equal(await page.locator(ROW).count(), 2);
      await page.getByText('Route sources').waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForSelector('form.login');

      assert.equal(await page.evaluate<number>('sessionStorage.length'), 0);
      assert.deepEqual(troubles, []);
    });
  }

  it('narrows the view to a token where nobody needs one', async () => {
    await using scene = await start('open');
    const token = await tokenOf(scene);
    const { page } = await browser.page();
    await page.goto(scene.promgate.url);
    await page.waitForSelector(ROW);

    await page.getByRole('button', { name: 'Use a token' }).click();
    await page.getByLabel('Token or password').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForSelector(ROW);
    assert.equal(await page.locator(ROW).count(), 1);
    await page.getByRole('button', { name: 'Drop the token' }).click();
    await page.locator(ROW).nth(1).waitFor();
  });
});
