/**
 * Names that are not legacy names, and how they are told to readers that cannot take them.
 *
 * @see https://prometheus.io/docs/instrumenting/escaping_schemes/
 */

/** `allow-utf-8` prints the name in quotes; the others turn it into a legacy name. */
export const ESCAPINGS = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;

export type Escaping = (typeof ESCAPINGS)[number];

/** A legacy name: those of metrics may also hold `:`, neither begins with a digit. */
const LEGACY = {
  metric: /^[a-zA-Z_:][a-zA-Z0-9_:]*$/,
  label: /^[a-zA-Z_][a-zA-Z0-9_]*$/,
} as const;

/** Characters that some escaping changes. */
const CHANGED = {
  metric: /^[0-9]|[^a-zA-Z0-9:]/gu,
  label: /^[0-9]|[^a-zA-Z0-9]/gu,
} as const;

/**
 * The name as a page for this reader writes it: a legacy name as it is, any other one escaped, or
 * in quotes with `allow-utf-8`.
 */
export function printName(name: string, of: 'metric' | 'label', escaping: Escaping): string {
  if (LEGACY[of].test(name)) return name;
  if (escaping === 'allow-utf-8') return `"${quote(name)}"`;
  if (escaping === 'underscores') return name.replace(CHANGED[of], '_');
  const escaped = name.replace(CHANGED[of], (char) => escapeChar(char, escaping));
  return escaping === 'values' ? `U__${escaped}` : escaped;
}

function escapeChar(char: string, escaping: 'dots' | 'values'): string {
  if (char === '_') return '__';
  if (escaping === 'dots') return char === '.' ? '_dot_' : '__';
  return `_${char.codePointAt(0)?.toString(16)}_`;
}

/** The text that stands in quotes -> the text that it means: `\\`, `\"` and `\n` are escapes. */
export function unquote(text: string): string {
  if (!text.includes('\\')) return text;
  // Backslashes in pairs first: what is between them needs no string of its own for each escape.
  const parts = text.split('\\\\');
  return parts.map((part) => part.replaceAll('\\n', '\n').replaceAll('\\"', '"')).join('\\');
}

function quote(text: string): string {
  return text.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
