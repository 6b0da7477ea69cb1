/**
 * What an app's bindings say of its metrics, where it has any.
 */
import type { BoundApp } from '../../broker/known-bindings.ts';
import type { AppIdentity } from '../discover/instance.ts';

/** The settings of an app that has no binding. */
export const UNBOUND: BoundApp = {
  process: 'web',
  pages: [{ path: undefined, headers: [], timeoutMs: undefined, labels: [], allow: [], deny: [] }],
};

export type SettingsOf = (app: AppIdentity) => BoundApp;
