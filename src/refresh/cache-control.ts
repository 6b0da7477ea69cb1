/**
 * `Cache-Control` (RFC 9111, 5.2), parsed strictly: what is not well-formed is no directive.
 */

/** Directives by name in lower case; '' where one has no argument. The first of a name counts. */
export type Directives = ReadonlyMap<string, string>;

export const NO_DIRECTIVES: Directives = new Map();

/** Larger numbers of seconds count as this one (RFC 9111, 1.2.2). */
const MAX_SECONDS = 2 ** 31;

/** Taken by itself: two loops over the same blanks would take the square of their number. */
const BLANKS = /[\t ]*/y;
/** One list member: a token, and maybe an argument that is a token or a quoted string. */
const MEMBER = /(?:([!#$%&'*+.^_`|~\w-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?)?[\t ]*(?:,|$)/y;

/** @param value - of all lines of the field, joined by commas */
export function parseCacheControl(value: string | undefined): Directives {
  if (value === undefined || value === '') return NO_DIRECTIVES;
  const directives = new Map<string, string>();
  let at = 0;
  while (at < value.length) {
    BLANKS.lastIndex = at;
    BLANKS.test(value);
    MEMBER.lastIndex = BLANKS.lastIndex;
    const match = MEMBER.exec(value);
    if (!match) {
      at = nextMember(value, at);
      continue;
    }
    at = MEMBER.lastIndex;
    const [, name, quoted, token] = match;
    if (name === undefined) continue;
    const key = name.toLowerCase();
    const argument = quoted?.replace(/\\(.)/g, '$1') ?? token ?? '';
    if (!directives.has(key)) directives.set(key, argument);
  }
  return directives;
}

/** Where the next member begins behind one that is not well-formed; commas in quotes do not count. */
function nextMember(value: string, from: number): number {
  let quoted = false;
  for (let i = from; i < value.length; i++) {
    const char = value[i];
    if (char === '"') quoted = !quoted;
    else if (char === '\\' && quoted) i++;
    else if (char === ',' && !quoted) return i + 1;
  }
  return value.length;
}

/**
 * The seconds that a directive gives.
 *
 * @returns undefined without the directive; 0 if its argument is no number: freshness information
 * that is invalid makes a response stale (RFC 9111, 4.2.1)
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return parseSeconds(argument) ?? 0;
}

/** @returns undefined unless `text` is digits only */
export function parseSeconds(text: string): number | undefined {
  return /^\d+$/.test(text) ? Math.min(Number(text), MAX_SECONDS) : undefined;
}
