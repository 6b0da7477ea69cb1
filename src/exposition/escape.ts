/**
 * Names that are not legacy names, and how they are told to readers that cannot take them.
 *
 * @see https://prometheus.io/docs/instrumenting/escaping_schemes/
 */

/** `allow-utf-8` prints the name in quotes; the others turn it into a legacy name. */
export const ESCAPINGS = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;

export type Escaping = (typeof ESCAPINGS)[number];

/** What a legacy name may hold: metric names also `:`, neither begins with a digit. */
const LEGACY = {
  metric: { name: /^[a-zA-Z_:][a-zA-Z0-9_:]*$/, first: /[a-zA-Z_:]/, later: /[a-zA-Z0-9_:]/ },
  label: { name: /^[a-zA-Z_][a-zA-Z0-9_]*$/, first: /[a-zA-Z_]/, later: /[a-zA-Z0-9_]/ },
} as const;

/**
 * The name as a page for this reader writes it: a legacy name as it is, any other one escaped, or
 * in quotes with `allow-utf-8`.
 */
export function printName(name: string, of: 'metric' | 'label', escaping: Escaping): string {
  if (LEGACY[of].name.test(name)) return name;
  if (escaping === 'allow-utf-8') return `"${quote(name)}"`;
  const escaped = Array.from(name, (char, at) => {
    const legacy = (at === 0 ? LEGACY[of].first : LEGACY[of].later).test(char);
    return escapeChar(char, legacy, escaping);
  }).join('');
  return escaping === 'values' ? `U__${escaped}` : escaped;
}

function escapeChar(char: string, legacy: boolean, escaping: Escaping): string {
  if (escaping === 'underscores') return legacy ? char : '_';
  if (char === '_') return '__';
  if (escaping === 'dots') return char === '.' ? '_dot_' : legacy ? char : '__';
  return legacy ? char : `_${char.codePointAt(0)?.toString(16)}_`;
}

/** The text that stands in quotes -> the text that it means: `\\`, `\"` and `\n` are escapes. */
export function unquote(text: string): string {
  return text.replace(/\\(["\\n])/g, (_, char: string) => (char === 'n' ? '\n' : char));
}

function quote(text: string): string {
  return text.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
