/**
 * Makes a tenant what the journal has of it: what another promgate has committed is taken over, and
 * what could not be committed is taken back.
 */

import type { StoredRecord, TenantUpdate } from '../record.ts';
import { put, type ReadRecord, readRecord } from './restore.ts';
import type { Tenant } from './tenant.ts';

/** The order in which records need each other. */
const ORDER = ['f', 'm', 'o', 's', 'i'] as const;

/**
 * @param update - not a whole one
 * @returns how many records nothing could be made of
 */
export function catchUp(tenant: Tenant, update: TenantUpdate): number {
  let unreadable = 0;
  tenant.records.catchUp(update.nextId, () => {
    for (const id of update.removed) drop(tenant, id);
    // A record may go with another one, so that all go before any is taken over.
    for (const stored of update.created) if (!isSame(tenant, stored)) drop(tenant, stored.id);
    const created = update.created.filter((stored) => !isSame(tenant, stored));
    for (const { id, values } of update.created) setValues(tenant, id, values);
    const read = created.map(readRecord);
    unreadable = read.filter((record) => record === undefined).length;
    const known = read.filter((record) => record !== undefined);
    for (const kind of ORDER) unreadable += putAll(tenant, known, kind);
    for (const { id, values } of update.changed) setValues(tenant, id, values);
    dropEmptyFamilies(tenant);
  });
  tenant.changed();
  return unreadable;
}

function putAll(tenant: Tenant, records: readonly ReadRecord[], kind: string): number {
  return records.filter((record) => record.key[0] === kind && !put(tenant, record)).length;
}

/** Whether the record is there with the same key. */
function isSame(tenant: Tenant, { id, key, values }: StoredRecord): boolean {
  const held = tenant.records.get(id);
  return held?.length === values.length && JSON.stringify(held.key()) === key;
}

function setValues(tenant: Tenant, id: number, values: Float64Array): void {
  const held = tenant.records.get(id);
  if (held?.length !== values.length) return;
  tenant.records.cells.values.set(values, held.at);
  const key = held.key();
  const family = key[0] === 'm' ? tenant.families.get(key[2]) : undefined;
  const metric = key[0] === 'm' ? family?.metrics.get(key[3]) : undefined;
  if (family && metric) family.touch(metric);
}

/** A family stays: it goes with its last metric, or gets a new record. */
function drop(tenant: Tenant, id: number): void {
  const held = tenant.records.get(id);
  if (!held) return;
  const key = held.key();
  switch (key[0]) {
    case 'm': {
      const metric = tenant.families.get(key[2])?.metrics.get(key[3]);
      const share = metric?.shares.find((one) => one.held === held);
      if (metric && share) tenant.removeShare(metric, share);
      return;
    }
    case 'o': {
      const source = tenant.sources.get(key[1]);
      if (source) tenant.sources.remove(source);
      return;
    }
    case 's': {
      const source = tenant.sources.get(key[1]);
      if (source) tenant.sources.removeLast(source, { family: key[2], labels: key[3] }, held);
      return;
    }
    case 'i':
      tenant.ids.remove(key[1], held);
      return;
    case 'f':
  }
}

/** While the records follow the journal, families stay although their metrics are gone. */
function dropEmptyFamilies(tenant: Tenant): void {
  for (const family of [...tenant.families.values()]) {
    if (family.size === 0) tenant.removeFamily(family);
  }
}
