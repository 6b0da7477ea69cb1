/**
 * Makes a tenant of the records that a journal has kept of it.
 */
import type { Pace } from '../../clock.ts';
import { parseLabels } from '../labels.ts';
import {
  type KeptBound,
  MetricTimes,
  type RecordKey,
  type StoredRecord,
  type StoredTenant,
} from '../record.ts';
import type { Family, FamilyTraits } from './family.ts';
import type { Held } from './held.ts';
import { readKey } from './record-key.ts';
import { Tenant, type TenantGround } from './tenant.ts';

/** The order in which records need each other. */
const ORDER = ['f', 'm', 'o', 's', 'i'] as const;

/** A stored record with its key. */
export interface ReadRecord {
  readonly key: RecordKey;
  readonly stored: StoredRecord;
}

/** @returns the tenant, and how many records nothing could be made of */
export async function restore(
  stored: StoredTenant,
  ground: TenantGround,
  pace: Pace,
): Promise<{ readonly tenant: Tenant; readonly unreadable: number }> {
  const tenant = new Tenant(stored, ground);
  const byKind = new Map<string, ReadRecord[]>(ORDER.map((kind) => [kind, []]));
  let unreadable = 0;
  for (const record of stored.records) {
    await pace();
    const read = readRecord(record);
    const list = read && byKind.get(read.key[0]);
    if (list) list.push(read);
    else unreadable += 1;
  }
  for (const kind of ORDER) {
    const records = byKind.get(kind)!.sort((a, b) => a.stored.id - b.stored.id); // set above
    for (const record of records) {
      await pace();
      if (!put(tenant, record)) unreadable += 1;
    }
  }
  tenant.records.catchUp(stored.nextId, () => undefined);
  return { tenant, unreadable };
}

/** @returns undefined if promgate did not write the key */
export function readRecord(stored: StoredRecord): ReadRecord | undefined {
  const key = readKey(stored.key);
  return key && { key, stored };
}

/** @returns whether the record has a place */
export function put(tenant: Tenant, { key, stored }: ReadRecord): boolean {
  const { records, sources, ids } = tenant;
  const hold = () => records.restore(stored.id, stored.values, () => key);
  switch (key[0]) {
    case 'f': {
      const [, name, type, help, unit, gaugeMode] = key;
      const traits = { name, help, unit, type, gaugeMode };
      putFamily(tenant, traits, hold());
      return true;
    }
    case 'm': {
      const family = tenant.families.get(key[2]);
      return family !== undefined && putShare(tenant, family, key, stored);
    }
    case 'o':
      sources.restore(key[1], hold());
      return true;
    case 's': {
      const source = sources.get(key[1]);
      if (!source) return false;
      const [, , family, labels, of] = key;
      sources.addLast(source, { family, labels }, { of, size: stored.values.length }, hold());
      return true;
    }
    case 'i':
      ids.restore(key[1], key[2], hold());
      return true;
  }
}

/** A family that is there already gets this record, and what the record says. */
function putFamily(tenant: Tenant, traits: FamilyTraits, held: Held): void {
  const known = tenant.families.get(traits.name);
  if (!known) {
    tenant.addFamily(traits, held);
    return;
  }
  known.traits = traits;
  if (known.held) tenant.records.remove(known.held);
  known.held = held;
  for (const { metrics } of known.blocks) known.touch(metrics[0]!); // no block is empty
}

function putShare(
  tenant: Tenant,
  family: Family,
  key: Extract<RecordKey, readonly ['m', ...unknown[]]>,
  { id, values }: StoredRecord,
): boolean {
  const [, groupKey, , labels, kept, source, native] = key;
  const isNumber = (bound: KeptBound): bound is number => typeof bound === 'number';
  const bounds = kept.every(isNumber) ? kept : kept.map(Number); // most share the key's array
  const size = values.length - MetricTimes.length - 1;
  if (size < 1) return false;
  const group = groupKey === null ? undefined : tenant.group(parseLabels(groupKey));
  const metric = family.metrics.get(labels) ?? tenant.addMetric(family, labels, group);
  if (native !== '') metric.native = Buffer.from(native, 'base64');
  const held = tenant.records.restore(id, values, () => key);
  tenant.addShare(metric, { bounds, source, size }, held);
  return true;
}
