/**
 * Where a redirect leads: to another path of the same address, or nowhere.
 *
 * An app does not choose whom promgate connects to: the connection stays where it was, and only
 * the path changes. An absolute Location is followed if it names the route or the address that was
 * asked, whatever its scheme: apps build it from the `Host` header, or from where they listen.
 */
import type { ScrapeTarget } from './target.ts';

/** 300 has no one place to go to, 304 answers a question not asked, 305 and 306 are no more. */
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * @param location - one character for each byte, as headers are read
 * @param path - the request target that was answered with `status`
 * @returns the new request target; undefined if it leads elsewhere, or is no URL
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.location
 */
export function redirectPath(
  status: number,
  location: string | undefined,
  { host, address }: Pick<ScrapeTarget, 'host' | 'address'>,
  path: string,
): string | undefined {
  if (!REDIRECTS.has(status) || !location) return undefined;
  // What URL parsers disagree about (\, control characters) is no way to anywhere.
  if (/[\x00-\x1f\x7f\\]/.test(location)) return undefined;
  const target = URL.parse(encodeRaw(location), `http://${host}${path}`);
  if (!target || !isAt(target, host, address)) return undefined;
  const found = `${target.pathname}${target.search}`;
  return found.startsWith('//') ? undefined : found;
}

/** Percent-encodes blanks and all beyond ASCII byte by byte, as browsers and Go do. */
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
