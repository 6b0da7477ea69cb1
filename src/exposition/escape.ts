/**
 * Names that are not legacy names, and how they are told to readers that cannot take them.
 *
 * @see https://prometheus.io/docs/instrumenting/escaping_schemes/
 */

/** `allow-utf-8` prints the name in quotes; the others turn it into a legacy name. */
export const ESCAPINGS = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;

export type Escaping = (typeof ESCAPINGS)[number];

const LEGACY = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function isLegacyName(name: string): boolean {
  return LEGACY.test(name);
}

/** Escapes a name that is not a legacy name; a legacy name stays as it is. */
export function escapeName(name: string, escaping: Exclude<Escaping, 'allow-utf-8'>): string {
  if (isLegacyName(name)) return name;
  const escaped = Array.from(name, (char, at) => escapeChar(char, at, escaping)).join('');
  return escaping === 'values' ? `U__${escaped}` : escaped;
}

function escapeChar(char: string, at: number, escaping: Exclude<Escaping, 'allow-utf-8'>): string {
  const legacy = at === 0 ? /[a-zA-Z_:]/.test(char) : /[a-zA-Z0-9_:]/.test(char);
  if (escaping === 'underscores') return legacy ? char : '_';
  if (char === '_') return '__';
  if (escaping === 'dots') {
    if (char === '.') return '_dot_';
    return legacy ? char : '__';
  }
  return legacy ? char : `_${char.codePointAt(0)?.toString(16)}_`;
}

/** The text that stands in quotes -> the text that it means: `\\`, `\"` and `\n` are escapes. */
export function unquote(text: string): string {
  return text.replace(/\\(["\\n])/g, (_, char: string) => (char === 'n' ? '\n' : char));
}

/** The opposite of `unquote`, without the quotes. */
export function quote(text: string): string {
  return text.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}
