/**
 * The tokens of bindings, by their form: they are promgate's, and no app may see one.
 */
const TOKEN = /promgate_[A-Za-z0-9_-]{43}/;

/**
 * Finds a token in a header's value, whatever stands around it, also where basic auth encodes it.
 *
 * @returns the first one
 */
export function findToken(value: string): string | undefined {
  const [, encoded] = /^basic\s+(.*)$/i.exec(value) ?? [];
  const texts =
    encoded === undefined ? [value] : [value, Buffer.from(encoded, 'base64').toString()];
  for (const text of texts) {
    const found = TOKEN.exec(text);
    if (found) return found[0];
  }
  return undefined;
}
