/**
 * The limits of a tenant, and what a refusal by a limit tells.
 */

import { parseLabels } from '../labels.ts';
import { type LimitDetails, PushRefusal } from '../refusal.ts';
import type { TenantLimits } from '../rules.ts';
import type { Family } from './family.ts';
import type { PostedFamily, Posting } from './posting.ts';
import type { Tenant, Totals } from './tenant.ts';

/** Values of sources, for each series that a tenant may have. */
const SOURCE_VALUES = 10;
/** The same for each series that the whole ledger may have. */
const TOTAL_SOURCE_VALUES = 4;
/** Characters of label sets, for each series that a tenant or the whole ledger may have. */
const CHARACTERS = 512;
/** Metrics of a push, metrics of the ledger, and labels that are read to find the one with the most values. */
const WIDEST_OF = 2_000;
const WIDEST_OF_LABELS = 16_384;

export interface CheckBounds {
  readonly limits: TenantLimits;
  /** How many series the whole ledger may have. */
  readonly totalSeries: number;
  /** What the whole ledger has. */
  readonly total: Totals;
}

/** @throws {PushRefusal} `label_limit`, `label_length` */
export function checkLabels({ name, entries }: PostedFamily, limits: TenantLimits): void {
  for (const { labelCount, labels, longest } of entries) {
    if (labelCount > limits.labels) {
      throw new PushRefusal('label_limit', `metric ${name} has ${labelCount} labels`, {
        details: { limit: limits.labels, current: labelCount, family: name },
      });
    }
    if (longest.name > limits.labelNameLength || longest.value > limits.labelValueLength) {
      checkLengths(name, labels, limits);
    }
  }
}

function checkLengths(family: string, labels: string, limits: TenantLimits): void {
  for (const [name, value] of parseLabels(labels)) {
    const isName = name.length > limits.labelNameLength;
    if (!isName && value.length <= limits.labelValueLength) continue;
    const limit = isName ? limits.labelNameLength : limits.labelValueLength;
    const current = isName ? name.length : value.length;
    const what = isName ? 'a label name' : `the value of label ${name}`;
    throw new PushRefusal('label_length', `${what} of metric ${family} has ${current} characters`, {
      details: { limit, current, family },
    });
  }
}

/** @throws {PushRefusal} `family_series_limit` */
export function checkFamily(
  family: PostedFamily,
  known: Family | undefined,
  more: number,
  { seriesPerFamily: limit }: TenantLimits,
): void {
  const current = known?.series ?? 0;
  if (more <= 0 || current + more <= limit) return;
  const { name } = family;
  const details = { limit, current, would_add: more, family: name, ...widest(family, known) };
  throw new PushRefusal(
    'family_series_limit',
    `metric ${name} would have too many series: leave out a label that has many values`,
    { details },
  );
}

/** How much more a tenant would have; negative if the push replaces more than it brings. */
export interface Added {
  readonly series: number;
  readonly families: number;
  /** Characters of label sets. */
  readonly characters: number;
}

/** @throws {PushRefusal} `series_limit`, `family_limit`, `group_limit`, `source_limit`, `characters_limit` */
export function checkTenant(
  tenant: Tenant,
  posting: Posting,
  added: Added,
  { limits, totalSeries, total }: CheckBounds,
): void {
  const { series, families, groups, sources } = limits;
  const room = totalSeries - total.series;
  const more = added.series;
  if (more > 0 && tenant.series + more > series) {
    const sizes = { limit: series, current: tenant.series, would_add: more };
    const details = { ...sizes, ...largestOf(posting, tenant) };
    throw new PushRefusal('series_limit', 'there would be too many series', { details });
  }
  if (more > 0 && more > room) {
    throw new PushRefusal('series_limit', 'promgate holds as many series as it may, over all', {
      details: {
        ...{ limit: tenant.series + room, current: tenant.series, would_add: more },
        ...largestOf(posting, tenant),
      },
    });
  }
  atMost('family_limit', 'metrics', families, tenant.families.size, added.families);
  const isNew = posting.group !== undefined && !tenant.groups.has(posting.group);
  atMost('group_limit', 'groups', groups, tenant.groups.size, isNew ? 1 : 0);
  const { source } = posting.push.rules;
  const isUnheard = source !== '' && tenant.sources.get(source) === undefined;
  atMost('source_limit', 'sources', sources, tenant.sources.size, isUnheard ? 1 : 0);
  const values = tenant.sourceValues;
  const sourceRoom = TOTAL_SOURCE_VALUES * totalSeries - total.sourceValues;
  const limit = Math.min(SOURCE_VALUES * series, values + sourceRoom);
  atMost('source_limit', 'series of sources', limit, values, newSourceValues(tenant, posting));
  const { characters } = tenant;
  const most = Math.min(
    CHARACTERS * series,
    characters + CHARACTERS * totalSeries - total.characters,
  );
  atMost('characters_limit', 'characters in labels', most, characters, added.characters);
}

/** How many values of its source the push would add. */
function newSourceValues({ sources }: Tenant, { push, families }: Posting): number {
  const { source: name } = push.rules;
  if (name === '') return 0; // pushes without a source have few shares in a metric
  const source = sources.get(name);
  let count = 0;
  for (const { name: family, type, rules, entries } of families) {
    const isCumulative = rules.temporality === 'cumulative';
    const hasShares = type === 'gauge' || type === 'summary';
    for (const { labels, metric } of entries) {
      if (isCumulative && !(source && sources.last(source, { family, labels }))) count += 1;
      if (hasShares && !metric?.shares.some((share) => share.source === name)) count += 1;
    }
  }
  return count;
}

function atMost(
  code: 'family_limit' | 'group_limit' | 'source_limit' | 'characters_limit',
  what: string,
  limit: number,
  current: number,
  more: number,
): void {
  if (more <= 0 || current + more <= limit) return;
  throw new PushRefusal(code, `there would be too many ${what}`, {
    details: { limit, current, would_add: more },
  });
}

/** The family of a posting that has the most series. */
function largestOf({ families }: Posting, tenant: Tenant): Partial<LimitDetails> {
  let largest: PostedFamily | undefined;
  let most = -1;
  for (const family of families) {
    const series = (tenant.families.get(family.name)?.series ?? 0) + family.entries.length;
    if (series > most) {
      most = series;
      largest = family;
    }
  }
  if (!largest) return {};
  return { family: largest.name, ...widest(largest, tenant.families.get(largest.name)) };
}

/** The label with the most values, of what is pushed and of what is there. */
function widest(
  { entries }: PostedFamily,
  known: Family | undefined,
): Pick<LimitDetails, 'widest_label'> {
  const values = new Map<string, Set<string>>();
  const pushed = entries.slice(0, WIDEST_OF).map(({ labels }) => labels);
  let left = WIDEST_OF_LABELS;
  for (const labels of [...pushed, ...(known?.metrics.keys().take(WIDEST_OF) ?? [])]) {
    if (left <= 0) break;
    for (const [name, value] of parseLabels(labels)) {
      left -= 1;
      const seen = values.get(name);
      if (seen) seen.add(value);
      else values.set(name, new Set([value]));
    }
  }
  const found = [...values].map(([name, set]) => ({ name, values: set.size }));
  const most = found.sort((a, b) => b.values - a.values)[0];
  return most ? { widest_label: most } : {};
}
