/**
 * The two metrics that each group of replace mode has of its own.
 */
import type { Group, Metric } from './family.ts';
import { type Label, printLabels, sortLabels } from './labels.ts';
import { FAILURE_TIME, PUSH_TIME } from './posting.ts';
import type { Tenant } from './tenant.ts';

const TIMES = [
  {
    name: PUSH_TIME,
    help: 'Last Unix time when changing this group in the Pushgateway succeeded.',
  },
  {
    name: FAILURE_TIME,
    help: 'Last Unix time when changing this group in the Pushgateway failed.',
  },
] as const;

/** Notes in the group's own metrics when a push of it succeeded or failed. */
export function noteTimes(
  tenant: Tenant,
  group: Group,
  { pushedMs, failedMs }: { readonly pushedMs?: number; readonly failedMs?: number },
): void {
  const nowMs = pushedMs ?? failedMs ?? 0;
  const times = [pushedMs, failedMs];
  const labels = timesLabels(tenant, group.labels);
  for (const [i, { name, help }] of TIMES.entries()) {
    const traits = { name, help, type: 'gauge', unit: '', gaugeMode: 'last' } as const;
    const family = tenant.families.get(name) ?? tenant.addFamily(traits);
    const metric = family.metrics.get(labels) ?? tenant.addMetric(family, labels, group);
    const share = metric.shares[0] ?? tenant.addShare(metric, { bounds: [], size: 1, source: '' });
    const timeMs = times[i];
    if (timeMs !== undefined) tenant.records.cells.values[share.at] = timeMs / 1000;
    tenant.touch(metric, share, nowMs, 0);
  }
}

/**
 * The metric that a group would have to share with another group, since their labels differ only in an
 * empty `instance`; undefined if there is none.
 *
 * @param path - the labels of the group
 */
export function foreignTime(tenant: Tenant, path: readonly Label[]): Metric | undefined {
  const known = tenant.families.get(PUSH_TIME)?.metrics.get(timesLabels(tenant, path));
  return known?.group === tenant.groups.get(printLabels(path)) ? undefined : known;
}

/** The labels of the group's own metrics, as text. */
function timesLabels({ forced }: Pick<Tenant, 'forced'>, group: readonly Label[]): string {
  const hasInstance = group.some(([name]) => name === 'instance');
  const own = hasInstance ? group : [...group, ['instance', ''] as const];
  const others = forced.filter(([name]) => !own.some(([other]) => other === name));
  return printLabels(sortLabels([...others, ...own]));
}
