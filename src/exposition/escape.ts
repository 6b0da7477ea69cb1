/**
 * Escaping of UTF-8 names (names that are not legacy names) for readers that do not accept them.
 *
 * @see https://prometheus.io/docs/instrumenting/escaping_schemes/
 */

/** `allow-utf-8` prints a UTF-8 name in quotes; each other scheme makes a legacy name of it. */
export const ESCAPINGS = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;

export type Escaping = (typeof ESCAPINGS)[number];

/** Legacy names do not begin with a digit; only names of metrics may hold `:`. */
const LEGACY = {
  metric: /^[a-zA-Z_:][a-zA-Z0-9_:]*$/,
  label: /^[a-zA-Z_][a-zA-Z0-9_]*$/,
} as const;

/** Characters that an escaping scheme may replace. */
const CHANGED = {
  metric: /^[0-9]|[^a-zA-Z0-9:]/gu,
  label: /^[0-9]|[^a-zA-Z0-9]/gu,
} as const;

/**
 * The name as a page for a reader with this escaping scheme has it: a legacy name unchanged, any
 * other name escaped, or in quotes with `allow-utf-8`.
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

/** Resolves the escapes `\\`, `\"` and `\n` in the text between two quotes. */
export function unquote(text: string): string {
  if (!text.includes('\\')) return text;
  // Splitting at escaped backslashes leaves no ambiguity, and makes no string per escape.
  return text.split('\\\\').map(unquotePart).join('\\');
}

function unquotePart(part: string): string {
  if (!part.includes('\\')) return part; // a text may have hundreds of parts
  return part.replaceAll('\\n', '\n').replaceAll('\\"', '"');
}

function quote(text: string): string {
  return text.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
