/**
 * The settings that an app's bindings give, and the settings of an app without bindings: what its
 * annotations and registrations of the metric registrar declare, or else promgate's defaults.
 */
import type { BoundApp, BoundPage } from '../../broker/known-bindings.ts';
import type { AppIdentity } from '../discover/app-identity.ts';
import type { DeclaredEndpoint } from '../discover/target.ts';
import { MetricPathError, parseMetricPath } from '../fetch/metric-path.ts';

/** The settings of an app without bindings. */
export const UNBOUND: BoundApp = {
  process: 'web',
  pages: [{ path: undefined, headers: [], timeoutMs: undefined, labels: [], allow: [], deny: [] }],
  cacheMs: undefined,
};

/** Gives the settings of an app: `UNBOUND` if the app has no bindings. */
export type SettingsOf = (app: AppIdentity) => BoundApp;

/** What an app declares; the same object while nothing changes. */
export type DeclaredOf = (app: AppIdentity) => readonly DeclaredEndpoint[] | undefined;

/** Bound on the declared pages of an app: any developer of its space may register some. */
const MAX_PAGES = 32;

/**
 * Adds declared endpoints to the settings of apps whose bindings name no path.
 *
 * @returns the same object for the same settings and declarations
 */
export function withDeclared(settingsOf: SettingsOf, declaredOf: DeclaredOf): SettingsOf {
  const known = new WeakMap<BoundApp, WeakMap<readonly DeclaredEndpoint[], BoundApp>>();
  return (app) => {
    const own = settingsOf(app);
    const declared = declaredOf(app);
    if (declared === undefined || declared.length === 0) return own;
    const ofOwn = known.get(own) ?? new WeakMap<readonly DeclaredEndpoint[], BoundApp>();
    known.set(own, ofOwn);
    const found = ofOwn.get(declared) ?? joined(own, declared);
    ofOwn.set(declared, found);
    return found;
  };
}

function joined(own: BoundApp, declared: readonly DeclaredEndpoint[]): BoundApp {
  const isBound = own.pages.some(({ path, port }) => path !== undefined || port !== undefined);
  if (isBound) return own;
  const distinct = new Map(declared.map((one) => [JSON.stringify(placeOf(one)), one]));
  const pages = own.pages.flatMap((page) =>
    [...distinct.values()].flatMap((one) => declaredPage(page, one)),
  );
  return pages.length === 0 ? own : { ...own, pages: pages.slice(0, MAX_PAGES) };
}

function placeOf({ path, port, host, scheme }: DeclaredEndpoint): unknown {
  return [path, port, host, scheme];
}

/** The settings of a binding without a path hold for each declared page. */
function declaredPage(
  page: BoundPage,
  { path, port, host, scheme }: DeclaredEndpoint,
): readonly BoundPage[] {
  try {
    const onlyTls = scheme === 'https';
    return [{ ...page, path: parseMetricPath(path), port, host, onlyTls }];
  } catch (error) {
    if (error instanceof MetricPathError) return []; // as for a binding, promgate does not ask for it
    throw error;
  }
}
