/**
 * Texts and characters in quotes, as Go's `%q` and `%#U` write them in PromQL's messages and trees.
 *
 * A lone surrogate from U+DC80 to U+DCFF stands for a byte that is no UTF-8 (see `tree.ts`).
 */

const ESCAPES: ReadonlyMap<number, string> = new Map([
  [7, '\\a'],
  [8, '\\b'],
  [9, '\\t'],
  [10, '\\n'],
  [11, '\\v'],
  [12, '\\f'],
  [13, '\\r'],
  [92, '\\\\'],
]);
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u;
/** Texts of which each character stands for itself. */
const PLAIN = /^[ !#-[\]-~]*$/;
const REPLACEMENT = 0xfffd;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;

/** `text` in double quotes, with escapes for what cannot be printed. */
export function quoteText(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  let quoted = '"';
  for (const character of text) quoted += escapeOf(character.codePointAt(0)!, DOUBLE_QUOTE);
  return `${quoted}"`;
}

/** One character in single quotes; a number below 0 is the end of the input. */
export function quoteCharacter(codePoint: number): string {
  const isText = codePoint >= 0 && (codePoint < 0xd800 || codePoint > 0xdfff);
  return `'${escapeOf(isText ? codePoint : REPLACEMENT, SINGLE_QUOTE)}'`;
}

/** `U+0078 'x'`; without the character if it cannot be printed. */
export function describeCharacter(codePoint: number): string {
  const number = `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;
  return isPrintable(codePoint) ? `${number} '${String.fromCodePoint(codePoint)}'` : number;
}

function escapeOf(codePoint: number, quote: number): string {
  if (codePoint === quote) return `\\${String.fromCodePoint(quote)}`;
  const known = ESCAPES.get(codePoint);
  if (known !== undefined) return known;
  if (codePoint >= 0xdc80 && codePoint <= 0xdcff) return `\\x${(codePoint & 0xff).toString(16)}`;
  if (isPrintable(codePoint)) return String.fromCodePoint(codePoint);
  const digits = codePoint.toString(16);
  if (codePoint < 0x20 || codePoint === 0x7f) return `\\x${digits.padStart(2, '0')}`;
  return codePoint < 0x10000 ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}

function isPrintable(codePoint: number): boolean {
  return codePoint === 32 || PRINTABLE.test(String.fromCodePoint(codePoint));
}
