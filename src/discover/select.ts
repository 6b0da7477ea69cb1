/**
 * Finds the instances of a selector, which is tried as a guid, then as names, then as a route.
 */
import type { AppIdentity } from './app-identity.ts';
import type { Instance } from './instance.ts';
import type { RouteTable } from './route-table.ts';
import type { Selector, SelectorReading } from './selector.ts';
import { isPlaceless } from './target.ts';

/** The reading side of the route table. */
export type Lookup = Pick<RouteTable, 'byApp' | 'byName' | 'byRoute'>;

/**
 * Finds the instances, without duplicates, sorted by index, then by address.
 *
 * A guid or names select the instances of one process type; a route selects all instances that the
 * route serves, whatever their process and app.
 *
 * @param processOf - the process type of an app, or `all`, if the selector names none
 * @returns an empty list when nothing matches
 */
export function selectInstances(
  table: Lookup,
  { readings, process }: Selector,
  processOf: (app: AppIdentity) => string = () => 'web',
): Instance[] {
  for (const reading of readings) {
    const found = selectReading(table, reading, (app) => process ?? processOf(app));
    if (found.length > 0) return found;
  }
  return [];
}

function selectReading(
  table: Lookup,
  { text, name }: SelectorReading,
  processOf: (app: AppIdentity) => string,
): Instance[] {
  for (const appId of new Set([text, text.toLowerCase()])) {
    const found = ofTheirProcess(table.byApp(appId), processOf);
    if (found.length > 0) return found;
  }
  if (name) {
    const found = ofTheirProcess(table.byName(...name), processOf);
    if (found.length > 0) return found;
  }
  for (const route of new Set([text, encodeURI(text.toWellFormed())])) {
    const found = distinctInstances(table.byRoute(route));
    if (found.length > 0) return found;
  }
  return [];
}

function ofTheirProcess(
  instances: readonly Instance[],
  processOf: (app: AppIdentity) => string,
): Instance[] {
  const apps = Map.groupBy(instances, ({ app }) => app.appId).values(); // two apps may share a name
  return distinctInstances([...apps.flatMap((own) => ofProcess(own, processOf(own[0]!.app)))]);
}

/** The instances of one process type, or of `all`. */
export function ofProcess(instances: readonly Instance[], process: string): readonly Instance[] {
  if (process === 'all') return instances;
  return instances.filter(({ processType }) => processType === process);
}

/**
 * Lists each process instance once, sorted by index (as numbers), then by address.
 *
 * Endpoints with the same `process_instance_id` are ports of one instance: the first by address
 * represents the instance, and lists the `others`. Of several routes to an address the first by
 * name wins, and a wildcard route only if there is no other, so that the result does not depend on
 * the order in which promgate learned the routes.
 */
export function distinctInstances(instances: readonly Instance[]): Instance[] {
  const byAddress = new Map<string, Instance>();
  for (const instance of instances) {
    const { address } = instance.endpoint;
    const known = byAddress.get(address);
    if (!known || comparePreference(instance, known) < 0) byAddress.set(address, instance);
  }
  const known = withTargets([...byAddress.values()]);
  return withOthers(known.sort(compareInstances));
}

/**
 * Joins what the CF API lists with the endpoints of other sources: an instance that has an address is
 * listed once, by its address, and knows its target.
 */
function withTargets(instances: readonly Instance[]): Instance[] {
  const [placed, placeless] = [[], []] as [Instance[], Instance[]];
  for (const one of instances) (isPlaceless(one.endpoint) ? placeless : placed).push(one);
  if (placeless.length === 0 || placed.length === 0) return [...instances];
  const targets = new Map(placeless.flatMap((one) => keysOf(one).map((key) => [key, one])));
  const found = new Set<Instance>();
  const joined = placed.map((one) => {
    const listed = targets.get(keysOf(one)[0] ?? '');
    if (!listed) return one;
    found.add(listed);
    return asKnown(one, listed);
  });
  return [...joined, ...placeless.filter((one) => !found.has(one))];
}

/** By the process if its guid is known, else by the type of the process, of which there may be two. */
function keysOf({ app, endpoint, processType, index, target }: Instance): string[] {
  const processId = endpoint.tags['process_id'];
  const byType = JSON.stringify([app.appId, processType, index]);
  if (!processId) return [byType];
  const byProcess = JSON.stringify([app.appId, processId, index]);
  return target?.rolling === false ? [byProcess, byType] : [byProcess];
}

/** Instances with targets by the instance without: the same object while nothing changes. */
const ofTargets = new WeakMap<Instance, Instance>();

function asKnown(instance: Instance, { target }: Instance): Instance {
  const known = ofTargets.get(instance);
  if (known && known.target === target) return known;
  const joined = { ...instance, target };
  ofTargets.set(instance, joined);
  return joined;
}

/** Joins the endpoints of one process instance into one. @param endpoints - sorted */
function withOthers(endpoints: readonly Instance[]): Instance[] {
  const groups = new Map<string | Instance, Instance[]>();
  for (const endpoint of endpoints) {
    const { app, index, processType, processInstanceId: id } = endpoint;
    const key = id === '' ? endpoint : JSON.stringify([app.appId, processType, index, id]);
    const group = groups.get(key);
    if (group) group.push(endpoint);
    else groups.set(key, [endpoint]);
  }
  return [...groups.values()].map(([first, ...others]) =>
    others.length === 0 ? first! : asOne(first!, others),
  );
}

/** Joined instances by their first endpoint: the same object while the table does not change. */
const ofEndpoints = new WeakMap<Instance, Instance>();

function asOne(first: Instance, others: readonly Instance[]): Instance {
  const known = ofEndpoints.get(first);
  const same =
    known?.others?.length === others.length &&
    others.every((one, at) => one === known.others?.[at]);
  if (known && same) return known;
  const instance = { ...first, others };
  ofEndpoints.set(first, instance);
  return instance;
}

function comparePreference(a: Instance, b: Instance): number {
  return (
    Number(a.host.startsWith('*')) - Number(b.host.startsWith('*')) ||
    compareText(a.host, b.host) ||
    compareText(a.app.appId, b.app.appId) ||
    compareIndex(a.index, b.index) ||
    compareText(a.processInstanceId, b.processInstanceId)
  );
}

function compareInstances(a: Instance, b: Instance): number {
  return compareIndex(a.index, b.index) || compareText(a.endpoint.address, b.endpoint.address);
}

/** Sorts whole numbers by value, and puts any other index behind them. */
function compareIndex(a: string, b: string): number {
  const [aNumber, bNumber] = [indexNumber(a), indexNumber(b)];
  if (aNumber === bNumber) return compareText(a, b);
  return aNumber < bNumber ? -1 : 1;
}

function indexNumber(index: string): number {
  return /^\d{1,15}$/.test(index) ? Number(index) : Number.POSITIVE_INFINITY;
}

/** Compares UTF-16 code units, so that no locale changes the order. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
