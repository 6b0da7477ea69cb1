/** The classes of characters that PromQL's lexer tells apart, by their UTF-16 code units. */

export const LINE_FEED = 10;
const TAB = 9;
const CARRIAGE_RETURN = 13;
const SPACE = 32;

export function isBlank(code: number): boolean {
  return code === SPACE || code === TAB || code === LINE_FEED || code === CARRIAGE_RETURN;
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** A letter of ASCII or an underscore. */
export function isAlpha(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
}

export function isAlphanumeric(code: number): boolean {
  return isAlpha(code) || isDigit(code);
}
