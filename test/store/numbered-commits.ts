/**
 * Commits with numbers, from which follows what a journal must have after each: commit `n` creates
 * the records `100 n` to `100 n + 99` with the number `n`, changes the records of commit `n - 1` to
 * `n`, and removes the records of commit `n - 20`.
 */
import assert from 'node:assert/strict';
import type { StoredTenant, TenantChanges } from '../../src/push/record.ts';
import { changesOf } from './stored-tenants.ts';

const RECORDS = 100;
const KEPT_COMMITS = 20;

export function commitOf(number: number): TenantChanges {
  const values = new Float64Array(20).fill(number);
  return changesOf('t', {
    created: idsOf(number).map((id) => ({ id, key: `record ${id}`, values })),
    changed: number > 1 ? idsOf(number - 1).map((id) => ({ id, values })) : [],
    removed: number > KEPT_COMMITS ? idsOf(number - KEPT_COMMITS) : [],
    nextId: RECORDS * (number + 1),
  });
}

/** @returns the number of the last commit that the tenant has; every commit is there as a whole */
export function lastCommitOf({ nextId, records }: StoredTenant): number {
  const last = nextId / RECORDS - 1;
  const expected = Array.from({ length: Math.min(last, KEPT_COMMITS) }, (_, before) => {
    const commit = last - before;
    const value = Math.min(commit + 1, last);
    return idsOf(commit).map((id) => `${id} "record ${id}" ${value}`);
  }).flat();
  const found = records.map(({ id, key, values }) => {
    assert.equal(new Set(values).size, 1); // none is half there
    return `${id} "${key}" ${values[0]}`;
  });
  assert.deepEqual(found.sort(), expected.sort());
  return last;
}

function idsOf(commit: number): number[] {
  return Array.from({ length: RECORDS }, (_, at) => RECORDS * commit + at);
}
