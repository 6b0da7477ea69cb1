/**
 * Which instances a selector means: looked up as a guid, then as names, then as a route.
 */
import type { AppIdentity, Instance } from './instance.ts';
import type { RouteTable } from './route-table.ts';
import type { Selector, SelectorReading } from './selector.ts';

/** The reading side of the route table. */
export type Lookup = Pick<RouteTable, 'byApp' | 'byName' | 'byRoute'>;

/**
 * Finds the instances, each once, in the order of their index, then of their address.
 *
 * By guid and by name these are the instances of the processes asked for; by route all that the
 * route serves, whatever their process and app.
 *
 * @param processOf - which processes of an app are meant where the selector names none
 * @returns none when nothing matches
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
  const apps = Map.groupBy(instances, ({ app }) => app.appId).values(); // a name may be two apps'
  return distinctInstances([...apps.flatMap((own) => ofProcess(own, processOf(own[0]!.app)))]);
}

/** The instances of one process type, or of `all`. */
export function ofProcess(instances: readonly Instance[], process: string): readonly Instance[] {
  if (process === 'all') return instances;
  return instances.filter(({ processType }) => processType === process);
}

/**
 * Each process instance once, sorted by index (as numbers), then by address.
 *
 * Endpoints with the same `process_instance_id` are ports of one instance, which has one page: the
 * first by address stands for it, and names the `others`. Of an address with several routes the first by name is kept, one without wildcard before others,
 * so that the answer does not hang on the order in which routes became known.
 */
export function distinctInstances(instances: readonly Instance[]): Instance[] {
  const byAddress = new Map<string, Instance>();
  for (const instance of instances) {
    const { address } = instance.endpoint;
    const known = byAddress.get(address);
    if (!known || comparePreference(instance, known) < 0) byAddress.set(address, instance);
  }
  return withOthers([...byAddress.values()].sort(compareInstances));
}

/** @param endpoints - sorted; those of one process instance become one */
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

/** Endpoints stay the same objects while nothing changes in the table: so does what stands for them. */
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

/** Whole numbers by their value; whatever else follows them. */
function compareIndex(a: string, b: string): number {
  const [aNumber, bNumber] = [indexNumber(a), indexNumber(b)];
  if (aNumber === bNumber) return compareText(a, b);
  return aNumber < bNumber ? -1 : 1;
}

function indexNumber(index: string): number {
  return /^\d{1,15}$/.test(index) ? Number(index) : Number.POSITIVE_INFINITY;
}

/** By UTF-16 code units: the same everywhere, unlike `localeCompare`. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
