/** Debian's Chromium, driven by playwright-core. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type Browser, chromium, type Page } from 'playwright-core';
import { requireProgram, type Skippable } from './require-program.ts';

export interface OpenBrowser extends AsyncDisposable {
  /** Opens a page in a context of its own, which collects what goes wrong in it. */
  page(options?: PageOptions): Promise<WatchedPage>;
}

interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

interface WatchedPage {
  readonly page: Page;
  /** Errors and warnings of the console, and uncaught errors; but not that a request was refused. */
  readonly troubles: readonly string[];
}

const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d/;

export async function startBrowser(context: Skippable): Promise<OpenBrowser> {
  const executablePath = requireProgram(context, 'chromium');
  // The tests may run as root in a container, where Chromium has no sandbox.
  const browser: Browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  return {
    page: async ({ width = 1_280, height = 800, colorScheme = 'light' } = {}) => {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      const troubles: string[] = [];
      page.on('console', (message) => {
        const isTrouble = ['error', 'warning'].includes(message.type());
        if (isTrouble && !REFUSED.test(message.text())) troubles.push(message.text());
      });
      page.on('pageerror', (error) => troubles.push(error.message));
      return { page, troubles };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** axe-core finds nothing in the page. */
export async function assertAccessible(page: Page): Promise<void> {
  const path = new URL('../../node_modules/axe-core/axe.min.js', import.meta.url);
  await page.evaluate(await readFile(path, 'utf8')); // a script element is not allowed in the page
  const found = await page.evaluate<readonly { id: string; nodes: readonly { html: string }[] }[]>(
    'axe.run(document).then(({ violations }) => violations)',
  );
  const told = found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.deepEqual(told, []);
}

/** The page is no wider than its screen. */
export async function assertFits(page: Page): Promise<void> {
  const [scroll, width] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, innerWidth]',
  );
  assert.ok(scroll <= width, `${scroll} px on a screen of ${width} px`);
}
