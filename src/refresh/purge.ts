/**
 * What a purge drops: all kept answers, or those of one key, app or tag.
 */
import type { WarmCache } from './warm-cache.ts';

export type Purge =
  | { readonly kind: 'all' }
  | {
      /** `key`: a path or URL as readers ask for it; `app`: a guid; `tag`: `space:<guid>`, … */
      readonly kind: 'key' | 'app' | 'tag';
      readonly value: string;
    };

/** @returns how many answers are gone */
export function purge(cache: Pick<WarmCache<unknown>, 'purge' | 'purgeAll'>, what: Purge): number {
  if (what.kind === 'all') return cache.purgeAll();
  return cache.purge(what.kind === 'tag' ? what.value : `${what.kind}:${what.value}`);
}
