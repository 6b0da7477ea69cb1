/**
 * The two metrics that each group of replace mode has of its own.
 */

import { type Label, printLabels } from '../labels.ts';
import type { Group } from './family.ts';
import { FAILURE_TIME, groupLabels, PUSH_TIME } from './posting.ts';
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

/** The text of the labels of a group's own metrics. */
function timeLabels({ forced }: Pick<Tenant, 'forced'>, path: readonly Label[]): string {
  return printLabels(groupLabels({ forced, path }));
}

/**
 * The group that has the series of a group's own metrics already: for promgate an instance without
 * a name is none, as for Prometheus.
 */
export function otherGroup(tenant: Tenant, path: readonly Label[]): Group | undefined {
  const metric = tenant.families.get(PUSH_TIME)?.metrics.get(timeLabels(tenant, path));
  return metric?.group?.key === printLabels(path) ? undefined : metric?.group;
}

/** Notes in the group's own metrics when a push of it succeeded or failed. */
export function noteTimes(
  tenant: Tenant,
  group: Group,
  { pushedMs, failedMs }: { readonly pushedMs?: number; readonly failedMs?: number },
): void {
  const nowMs = pushedMs ?? failedMs ?? 0;
  const times = [pushedMs, failedMs];
  const labels = timeLabels(tenant, group.labels);
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
