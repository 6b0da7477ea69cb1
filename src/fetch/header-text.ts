/**
 * Splits, trims and quotes header text for the lenient parser.
 */

/** The members of the comma-separated lists in all headers of one name. */
export function listed(values: readonly string[] = []): string[] {
  return values.flatMap((value) => value.split(',').map(trimmed)).filter((one) => one !== '');
}

/**
 * Removes blanks around a text. `trim` would remove no-break spaces too, which may be half of a
 * UTF-8 character here; a regular expression takes quadratic time on a long run of blanks.
 */
export function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The first 60 characters of a line, quoted, for messages. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
