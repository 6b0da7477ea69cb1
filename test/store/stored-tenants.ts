/** Tenants and their records for tests of journals, in a form that compares numbers bit by bit. */
import type { Label } from '../../src/push/labels.ts';
import type { Journal, StoredRecord, StoredTenant, TenantChanges } from '../../src/push/record.ts';

/** Numbers that are lost easily: some are equal to others, or to nothing. */
export const AWKWARD_NUMBERS: readonly number[] = [
  ...[Number.NaN, 0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[2 ** 53, 2 ** 53 + 2, 0.1 + 0.2, 5e-324, -Number.MAX_VALUE, 1e21, 123_456_789.123_456_79],
];

/** The stale marker of Prometheus, a signalling NaN, and other bits that mean NaN. */
export const NAN_BITS: readonly bigint[] = [
  ...[0x7ff0_0000_0000_0002n, 0x7ff8_0000_0000_0000n, 0xfff8_0000_0000_0001n],
  ...[0x7fff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn],
];

export const AWKWARD_TEXTS: readonly string[] = [
  ...['', ' ', ' a ', 'A', 'a', 'a\0b', '\0', '\\u0000', "'; drop table", '"', '\\', '\r\n'],
  ...['é', 'e\u0301', 'ÿ', '\u{1F600}', '\uFEFFbom', '\uD83D', '\uDE00\uD83D', 'a\uD800b'],
  ...['{x}', '{}:1', ':', '*', '\x1B[0m', '\u2028', '__proto__', '["m",null]'],
];

export function record(id: number, key: string, ...values: readonly number[]): StoredRecord {
  return { id, key, values: Float64Array.from(values) };
}

/** Changes of a tenant, where everything that is not given is empty. */
export function changesOf(
  tenant: string,
  changes: Partial<Omit<TenantChanges, 'tenant'>>,
): TenantChanges {
  return { tenant, forced: [], created: [], changed: [], removed: [], nextId: 1, ...changes };
}

/** A tenant whose numbers are written as the bytes that they are; records in the order of ids. */
export interface PlainTenant {
  readonly tenant: string;
  readonly forced: readonly Label[];
  readonly nextId: number;
  readonly records: readonly (readonly [id: number, key: string, bytes: string])[];
}

export function plainTenant({ tenant, forced, nextId, records }: StoredTenant): PlainTenant {
  const plain = records
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, key, values }) => [id, key, bytesOf(values)] as const);
  return { tenant, forced: forced.map(([name, value]) => [name, value]), nextId, records: plain };
}

/**
 * One tenant as a journal has it.
 *
 * @param ids - the numbers of all records that may be there; a journal that tells only what has
 *   changed then tells of each
 */
export async function reloaded(
  journal: Journal,
  tenant: string,
  ids: readonly number[],
): Promise<StoredTenant | undefined> {
  const update = await journal.reload(tenant, ids);
  return update && { ...update, records: update.created };
}

/** What a journal has, in the order of the tenants' names. */
export async function contentOf(journal: Journal): Promise<PlainTenant[]> {
  return plainTenants(await journal.load());
}

export function plainTenants(tenants: readonly StoredTenant[]): PlainTenant[] {
  return tenants
    .map(plainTenant)
    .toSorted((a, b) => (a.tenant < b.tenant ? -1 : a.tenant > b.tenant ? 1 : 0));
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('hex');
}
