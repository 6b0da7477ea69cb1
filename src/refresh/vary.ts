/**
 * Which stored response of one address may answer a request: `Vary` (RFC 9111, 4.1).
 *
 * Values are compared in a normal form, so that requests that mean the same share an answer.
 */
import { type Fields, listOf } from './fields.ts';

/** A request header field that chose the response, and its value in normal form. */
export type Selector = readonly [name: string, value: string | undefined];

/** Responses with more names in `Vary` than this are not stored. */
const MAX_NAMES = 32;

/** Longer values are compared as they are: a request may be compared with each variant. */
const MAX_NORMAL_LENGTH = 512;

/** Fields whose members may stand in any order, in any case, and twice. */
const UNORDERED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'accept-language',
  'accept-charset',
]);

/**
 * @param also - further names that choose, such as `cookie`
 * @returns the selectors of a response to a request; undefined if nothing else may ever reuse it
 */
export function selectorsOf(
  vary: string | undefined,
  request: Fields,
  also: readonly string[] = [],
): readonly Selector[] | undefined {
  const names = new Set([...listOf((vary ?? '').toLowerCase()), ...also]);
  if (names.has('*') || names.size > MAX_NAMES) return undefined;
  return [...names].sort().map((name) => [name, normalValue(name, request)]);
}

/** @param language - the response's `Content-Language` */
export function matches(
  selectors: readonly Selector[],
  request: Fields,
  language?: string | undefined,
): boolean {
  for (const [name, value] of selectors) {
    if (normalValue(name, request) === value) continue;
    if (name === 'accept-language' && prefers(request.get(name), language)) continue;
    return false;
  }
  return true;
}

function normalValue(name: string, request: Fields): string | undefined {
  const value = request.get(name);
  if (value === undefined || value.length > MAX_NORMAL_LENGTH) return value;
  if (!UNORDERED.has(name)) return trimmed(value.split(',')).join(',');
  const members = listOf(value.toLowerCase()).map((member) =>
    trimmed(member.split(/([;=])/))
      .join('')
      .replace(/;q=1(?:\.0{0,3})?$/, ''),
  );
  return [...new Set(members)].sort().join(',');
}

/** Replacing blanks by a pattern would take the square of their number. */
function trimmed(parts: readonly string[]): string[] {
  return parts.map((part) => part.trim());
}

/** Whether one language is the reader's first choice: any other variant would be a worse answer. */
function prefers(acceptLanguage: string | undefined, language: string | undefined): boolean {
  if (language === undefined || acceptLanguage === undefined) return false;
  if (acceptLanguage.length > MAX_NORMAL_LENGTH) return false;
  let best: string | undefined;
  let bestQuality = 0;
  for (const member of listOf(acceptLanguage.toLowerCase())) {
    const [range = '', quality = 'q=1'] = member.split(';').map((part) => part.trim());
    const q = /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(quality) ? Number(quality.slice(2)) : 0;
    if (q === bestQuality) best = undefined; // two first choices are none
    if (q <= bestQuality) continue;
    best = range;
    bestQuality = q;
  }
  return best === language.trim().toLowerCase();
}
