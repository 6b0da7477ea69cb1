/**
 * The memory that the process may use: the least of what the control group, the platform and the
 * machine allow. Budgets in the configuration are shares of it.
 */
import { totalmem } from 'node:os';

/** `256M`, as Cloud Foundry writes MEMORY_LIMIT; it has also written `256m`. */
const LIMIT = /^(\d{1,9})([kmg])b?$/i;

const UNIT_BYTES: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** @param limit - the environment's MEMORY_LIMIT; other programs may give it another form */
export function memoryBytes(limit: string | undefined): number {
  const group = process.constrainedMemory(); // the control group's; 0 or huge without one
  return Math.min(
    totalmem(),
    group > 0 ? group : Number.POSITIVE_INFINITY,
    parseMemoryLimit(limit) ?? Number.POSITIVE_INFINITY,
  );
}

/** @returns undefined if `limit` is no size in Cloud Foundry's form, or 0 */
export function parseMemoryLimit(limit: string | undefined): number | undefined {
  const [, count, unit] = LIMIT.exec(limit?.trim() ?? '') ?? [];
  const bytes = Number(count ?? 0) * (UNIT_BYTES[unit?.toLowerCase() ?? ''] ?? 0);
  return bytes > 0 ? bytes : undefined;
}
