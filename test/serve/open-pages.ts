/** App pages over a scraper, as `cache.mode: live` opens them, or with another life. */
import { systemTimers } from '../../src/clock.ts';
import type { Scraper } from '../../src/fetch/fan-out.ts';
import { LIVE } from '../../src/refresh/life.ts';
import { WarmCache, type WarmCacheOptions } from '../../src/refresh/warm-cache.ts';
import { AppPages, type AppPagesOptions } from '../../src/serve/app-pages.ts';
import { UNBOUND } from '../../src/serve/app-settings.ts';
import type { SharedPage } from '../../src/serve/shared-page.ts';

export function openPages(scraper: Scraper, options: Partial<AppPagesOptions> = {}): AppPages {
  return new AppPages({
    ...{ scraper, exporters: [], observers: {}, labelConflict: 'exported', exportJob: true },
    ...{ settingsOf: () => UNBOUND, life: LIVE, refresher: undefined, withCredentials: false },
    ...{ tableVersion: () => 0, cache: openCache() },
    ...options,
  });
}

function openCache(options: Partial<WarmCacheOptions<SharedPage>> = {}) {
  return new WarmCache<SharedPage>({
    ...{ maxBytes: 64 * 2 ** 20, timers: systemTimers },
    negative: { notFoundMs: 3_000, failedMs: 1_000 },
    holding: { retain: (page) => page.retain(), release: (page) => page.release() },
    ...options,
  });
}
