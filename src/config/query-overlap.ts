/**
 * Groups of servers whose series nobody could tell apart.
 *
 * If two groups may have the same series and nothing says so, one of the two would hide the other: sums
 * would be too small, without a word. Such groups are refused.
 */
import type { QueryValues } from './query.ts';

type Group = QueryValues['server_groups'][number];
type Labels = Readonly<Record<string, string>>;

/** @returns a fault for each pair of groups that may have series in common */
export function overlapFaults(query: QueryValues | undefined): string[] {
  const groups = query?.server_groups ?? [];
  const names = groups.map(({ name }, at) => name ?? `group-${at}`);
  const faults: string[] = [];
  for (const [at, group] of groups.entries()) {
    for (let other = at + 1; other < groups.length; other++) {
      const second = groups[other]!;
      if (areTold(group, second) || areReplicas([group, names[at]!], [second, names[other]!]))
        continue;
      faults.push(
        `query.server_groups ${JSON.stringify(names[at])} and ${JSON.stringify(names[other])} may hold the ` +
          'same series: give each its own value of one of labels, or set replica_of if one is a copy of the ' +
          'other, or partition: none if they have series in common',
      );
    }
  }
  return faults;
}

/** Whether the configuration says how two groups differ, or that they do not. */
function areTold(one: Group, other: Group): boolean {
  return (
    one.partition === 'none' ||
    other.partition === 'none' ||
    differ(labelsOf(one), labelsOf(other)) ||
    differ(matchersOf(one), matchersOf(other)) ||
    neverMeet(one.relative_time_range, other.relative_time_range) ||
    neverMeet(one.absolute_time_range, other.absolute_time_range) ||
    // Which labels rules give shows only when there are servers.
    (setsLabels(one) && setsLabels(other))
  );
}

function areReplicas(
  [one, name]: readonly [Group, string],
  [two, other]: readonly [Group, string],
) {
  return (one.replica_of ?? name) === (two.replica_of ?? other);
}

/** The labels that all series of a group have. */
function labelsOf({ labels, static_configs: statics }: Group): Labels {
  const [first, ...others] = statics;
  const common = Object.entries(first?.labels ?? {}).filter(([name, value]) =>
    others.every((one) => one.labels[name] === value),
  );
  return { ...Object.fromEntries(common), ...labels };
}

/** The values that a group is asked for alone. */
function matchersOf({ inject_matchers: matchers }: Group): Labels {
  const equal = matchers.map((text) => /^\s*"?([^"=!~\s]+)"?\s*=\s*["'`](.*)["'`]\s*$/.exec(text));
  return Object.fromEntries(equal.flatMap((found) => (found ? [[found[1], found[2]]] : [])));
}

function differ(one: Labels, other: Labels): boolean {
  return Object.entries(one).some(
    ([name, value]) => other[name] !== undefined && other[name] !== value,
  );
}

type Range = { readonly start?: number | undefined; readonly end?: number | undefined } | undefined;

function neverMeet(one: Range, other: Range): boolean {
  if (!one || !other) return false;
  const isBefore = (a: Range, b: Range): boolean => (a?.end ?? Infinity) <= (b?.start ?? -Infinity);
  return isBefore(one, other) || isBefore(other, one);
}

function setsLabels({ relabel_configs: rules }: Group): boolean {
  return rules.some(
    ({ action, target_label: label }) =>
      action === 'labelmap' || (label !== undefined && !label.startsWith('__')),
  );
}
