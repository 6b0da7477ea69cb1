/**
 * Where a redirect leads: to another path of the same address; others are not followed.
 *
 * An app cannot choose the address that promgate connects to: a redirect changes only the path.
 * Promgate follows an absolute Location with the route or the address that it asked, whatever the
 * scheme: apps build a Location from the `Host` header or from the address they listen on.
 */
import type { ScrapeTarget } from './target.ts';

/** Not 300 (several targets), 304 (only for conditional requests), 305 and 306 (obsolete). */
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * @param location - one character for each byte, as headers are read
 * @param path - the request target that was answered with `status`
 * @returns the new request target; undefined if `location` leads elsewhere or is no URL
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.location
 */
export function redirectPath(
  status: number,
  location: string | undefined,
  { host, address }: Pick<ScrapeTarget, 'host' | 'address'>,
  path: string,
): string | undefined {
  if (!REDIRECTS.has(status) || !location) return undefined;
  // URL parsers disagree about backslashes and control characters: refuse such a Location.
  if (/[\x00-\x1f\x7f\\]/.test(location)) return undefined;
  const target = URL.parse(encodeRaw(location), `http://${host}${path}`);
  if (!target || !isAt(target, host, address)) return undefined;
  const found = `${target.pathname}${target.search}`;
  return found.startsWith('//') ? undefined : found;
}

/** Percent-encodes blanks and bytes beyond ASCII, as browsers and Go do. */
function encodeRaw(location: string): string {
  return location.replace(
    /[ \x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function isAt(url: URL, ...places: readonly string[]): boolean {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
  if (url.username || url.password) return false;
  return places.some((place) => {
    const known = URL.parse(`http://${place}`);
    return known?.hostname === url.hostname && (url.port === '' || url.port === known.port);
  });
}
