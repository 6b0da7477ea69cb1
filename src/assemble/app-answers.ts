/**
 * The merged pages of apps: as `cache.mode` and the bindings keep them, and such that are never kept.
 */
import type { BoundApp } from '../../broker/known-bindings.ts';
import type { Config } from '../config/config.ts';
import { LIVE } from '../refresh/life.ts';
import { AppPages, type AppPagesOptions } from '../serve/app-pages.ts';
import type { SettingsOf } from '../serve/app-settings.ts';
import type { SharedPage } from '../serve/shared-page.ts';
import type { Ground } from './ground.ts';
import type { Warm } from './warm.ts';

interface PagesOptions {
  readonly config: Pick<Config, 'scrape' | 'cache'>;
  readonly settingsOf: SettingsOf;
}

export interface PagesParts
  extends Pick<
    AppPagesOptions,
    'scraper' | 'choice' | 'ways' | 'observers' | 'exporters' | 'tableVersion'
  > {
  readonly warm: Warm<SharedPage>;
  readonly ground: Ground;
}

export function openPages(
  { config: { scrape, cache }, settingsOf }: PagesOptions,
  { warm, ground, ...parts }: PagesParts,
): AppPages {
  const { requests } = ground.cacheMetrics;
  return new AppPages({
    ...{ ...parts, settingsOf, cache: warm.cache },
    labelConflict: scrape.labelConflict,
    exportJob: scrape.exportJob,
    life: cache.mode === 'live' ? LIVE : cache.life,
    refresher: cache.mode === 'background' ? warm.refresher : undefined,
    withCredentials: cache.withCredentials,
    onAnswer: (result) => requests.inc({ system: 'apps', result }),
  });
}

/** Pages that are never kept, whatever the bindings say. */
export function openLivePages(options: PagesOptions, parts: PagesParts): AppPages {
  const { config, settingsOf } = options;
  const unkept = new WeakMap<BoundApp, BoundApp>();
  const liveSettingsOf: SettingsOf = (app) => {
    const own = settingsOf(app);
    const live = unkept.get(own) ?? { ...own, cacheMs: undefined };
    unkept.set(own, live);
    return live;
  };
  const cache = { ...config.cache, mode: 'live' as const };
  return openPages({ ...options, config: { ...config, cache }, settingsOf: liveSettingsOf }, parts);
}
