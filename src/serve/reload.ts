/**
 * `POST /-/reload`: reads the configuration again, as Prometheus and Promxy do.
 */
import { Problem } from './errors.ts';
import type { Handler } from './request.ts';

/** @param reload - rejects if the configuration has faults: then what runs goes on as it was */
export function reloadConfiguration(reload: (() => Promise<void>) | undefined): Handler {
  return async (ctx) => {
    if (reload === undefined) {
      throw new Problem('not-found', 'only the section query can be reloaded: restart promgate');
    }
    try {
      await reload();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      ctx.status = 500;
      ctx.type = 'text/plain; charset=utf-8';
      ctx.body = `failed to reload config: ${reason}\n`;
      return;
    }
    ctx.status = 200;
    ctx.body = '';
  };
}
