/** Parts of the queries of a sweep. */

/** An `updated_at` is when a change began, which others see only when it ends. */
const OVERLAP_MS = 60_000;

/** The query behind another parameter. */
export function and(query: string): string {
  return query === '' ? '' : `&${query}`;
}

/** The query as a path has it. */
export function asQuery(query: string): string {
  return query === '' ? '' : `?${query}`;
}

/** The query for what changed after the newest change that is known. */
export function changedSince(records: Iterable<{ readonly updatedAt: string }>): string {
  let newest = '';
  for (const { updatedAt } of records) if (updatedAt > newest) newest = updatedAt;
  if (newest === '') return '';
  const from = new Date(Date.parse(newest) - OVERLAP_MS).toISOString().replace(/\.\d+Z$/, 'Z');
  return `updated_ats[gt]=${from}`;
}
