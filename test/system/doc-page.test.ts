/** The documentation that promgate serves, in a real browser. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import {
  assertAccessible,
  assertFits,
  type OpenBrowser,
  startBrowser,
} from '../support/browser.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';

const PAGES = readdirSync(new URL('../../docs/', import.meta.url))
  .filter((file) => file.endsWith('.md') && file !== 'README.md')
  .map((file) => `/doc/${file.slice(0, -'.md'.length)}`);

describe('the documentation in a browser', function () {
  this.timeout(SLOW_MS);
  let browser: OpenBrowser;
  let promgate: PromgateProcess;

  before(async function () {
    browser = await startBrowser(this);
    promgate = await startPromgateProcess({ values: { routes: {} } });
  });
  after(() => Promise.all([browser?.[Symbol.asyncDispose](), promgate?.[Symbol.asyncDispose]()]));

  for (const [width, colorScheme] of [
    [360, 'dark'],
    [1_280, 'light'],
  ] as const) {
    it(`fits a screen of ${width} px and is accessible, in ${colorScheme}`, async () => {
      const { page, troubles } = await browser.page({ width, colorScheme });
      assert.ok(PAGES.length > 20);
      for (const path of ['/doc', ...PAGES]) {
        await page.goto(promgate.url + path);
        assert.ok((await page.title()).length > 0, path);
        await assertFits(page);
        await assertAccessible(page);
      }
      assert.deepEqual(troubles, []);
    });
  }

  it('can be read by the keyboard: the first stop leads past the navigation', async () => {
    const { page } = await browser.page();
    await page.goto(`${promgate.url}/doc/troubleshooting`);

    await page.keyboard.press('Tab');
    const target = await page.evaluate<string | null>(
      'document.activeElement.getAttribute("href")',
    );
    assert.match(target ?? '', /^#/);
    await page.keyboard.press('Enter');

    assert.equal(new URL(page.url()).hash, target);
  });
});
