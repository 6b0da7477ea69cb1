/**
 * Dates in HTTP header fields.
 *
 * A recipient must understand three formats (RFC 9110, 5.6.7) and nothing else: a date in any other
 * form is invalid, and an invalid `Expires` means that the response is stale.
 */

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
const FORMATS: readonly RegExp[] = [
  // Sun, 06 Nov 1994 08:49:37 GMT
  new RegExp(
    `^(?:mon|tue|wed|thu|fri|sat|sun), (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} gmt$`,
    'i',
  ),
  // Sunday, 06-Nov-94 08:49:37 GMT
  new RegExp(
    `^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} gmt$`,
    'i',
  ),
  // Sun Nov  6 08:49:37 1994
  new RegExp(
    `^(?:mon|tue|wed|thu|fri|sat|sun) ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`,
    'i',
  ),
];

/** A year of two digits that would be further ahead is taken for one of the past. */
const MAX_YEARS_AHEAD = 50;

/**
 * @param nowMs - decides which century a year of two digits is in
 * @returns milliseconds since 1970; undefined if `text` is no valid date
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  for (const format of FORMATS) {
    const parts = format.exec(text)?.groups;
    if (parts) return toMs(parts, nowMs);
  }
  return undefined;
}

function toMs(parts: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const month = MONTHS.indexOf(String(parts['month']).toLowerCase());
  const [day, hour, minute, second] = ['day', 'hour', 'minute', 'second'].map((name) =>
    Number(parts[name]),
  ) as [number, number, number, number]; // each format has all four
  const year = fullYear(String(parts['year']), nowMs);
  if (hour > 23 || minute > 59 || second > 60) return undefined; // 60: a leap second
  const ms = Date.UTC(year, month, day, hour, minute, second);
  return new Date(Date.UTC(year, month, day)).getUTCDate() === day ? ms : undefined;
}

function fullYear(text: string, nowMs: number): number {
  if (text.length === 4) return Number(text);
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = Math.floor(thisYear / 100) * 100 + Number(text);
  return year > thisYear + MAX_YEARS_AHEAD ? year - 100 : year;
}
