/** JSON in one form only, so that equal values are equal texts. */

/**
 * Prints `value` with the names of each object in order and without blanks.
 *
 * @param value - as `JSON.parse` gives it; its depth is the caller's business
 * @see https://www.rfc-editor.org/rfc/rfc8785 whose form this is
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1)) // by UTF-16 code units
    .map(([name, inner]) => `${JSON.stringify(name)}:${canonicalJson(inner)}`);
  return `{${members.join(',')}}`;
}
