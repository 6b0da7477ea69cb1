/**
 * The settings that an app's bindings give, and the settings of an app without bindings.
 */
import type { BoundApp } from '../../broker/known-bindings.ts';
import type { AppIdentity } from '../discover/app-identity.ts';

/** The settings of an app without bindings. */
export const UNBOUND: BoundApp = {
  process: 'web',
  pages: [{ path: undefined, headers: [], timeoutMs: undefined, labels: [], allow: [], deny: [] }],
  cacheMs: undefined,
};

/** Gives the settings of an app: `UNBOUND` if the app has no bindings. */
export type SettingsOf = (app: AppIdentity) => BoundApp;
