/** Debian's Chromium, driven by playwright-core. */
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
