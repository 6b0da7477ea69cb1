/**
 * What an app's bindings say of its metrics: which pages its instances have, and how to take them.
 */
import type { AppIdentity } from '../discover/instance.ts';

type Process = 'web' | 'worker' | 'all';

/** One page that every instance of an app has. */
export interface PageSettings {
  /** A request target as `parseMetricPath` gives it; undefined: the one the reader wants. */
  readonly path: string | undefined;
  /** Sent to the instance in place of the reader's headers of the same names: name, value, … */
  readonly headers: readonly string[];
  /** From the moment the instance is asked; the reader's deadline may be earlier. */
  readonly timeoutMs: number | undefined;
  /** Constant labels of all its samples, behind those that promgate gives. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** Globs (`*` and `?`) of metric names. Those that none fits are dropped; empty: none is. */
  readonly allow: readonly string[];
  /** Globs of metric names that are dropped, also when allowed. */
  readonly deny: readonly string[];
}

export interface AppSettings {
  /** Which processes are meant when the reader names none. */
  readonly process: Process;
  /** At least one, in the order in which they are merged. */
  readonly pages: readonly PageSettings[];
}

/** The settings of an app that has no binding. */
export const UNBOUND: AppSettings = {
  process: 'web',
  pages: [{ path: undefined, headers: [], timeoutMs: undefined, labels: [], allow: [], deny: [] }],
};

export type SettingsOf = (app: AppIdentity) => AppSettings;
