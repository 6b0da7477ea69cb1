/** A simulated foundation on loopback. */
import type { App } from './app.ts';
export async function startDemo(_: unknown): Promise<App> {
  throw new Error('not yet');
}
