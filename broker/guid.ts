/** Guids of apps, spaces and organizations. Platforms write them in upper or lower case. */

const UPPER_GUID = /^(?=.*[A-F])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;

/** @returns a guid in lower case; an id of another form unchanged */
export function normalizeGuid(id: string): string {
  return UPPER_GUID.test(id) ? id.toLowerCase() : id;
}

/** Whether two ids are equal, or equal guids in different case. */
export function isSameGuid(a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && normalizeGuid(a) === normalizeGuid(b);
}
