/**
 * Addresses of endpoints: `host:port`, checked here, because promgate connects to them later.
 *
 * The host is an IPv4 address, an IPv6 address in brackets, or a host name. A host name that ends
 * in a number is refused: URL parsers would read the name as an IPv4 address (`2130706433`,
 * `0x7f.1`).
 */
import { isIPv4, isIPv6 } from 'node:net';

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
const NUMERIC = /^(?:\d+|0x[0-9a-f]*)$/;
const PORT = /^[1-9]\d{0,4}$/;

/**
 * Reads an address in the one form that identifies an endpoint: lower case, no surplus zeros.
 *
 * @param text - `10.0.0.1:61001`, `[fd00::1]:61001` or `host.example.com:8080`
 * @returns undefined when `text` is none of these
 */
export function parseAddress(text: string): string | undefined {
  const colon = text.lastIndexOf(':');
  if (colon < 1) return undefined;
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  if (!PORT.test(port)) return undefined;
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : undefined;
  if (bare === undefined) return isIPv6(host) ? undefined : joinAddress(host, Number(port));
  return isIPv6(bare) ? joinAddress(bare, Number(port)) : undefined;
}

/**
 * Joins a host, IPv6 without brackets, and a port.
 *
 * @returns undefined when the host is neither an IP address nor a host name, or the port is not
 * a whole number from 1 to 65535
 */
export function joinAddress(host: string, port: number): string | undefined {
  if (!Number.isInteger(port) || port < 1 || port > 65535) return undefined;
  const name = host.toLowerCase();
  if (isIPv4(name) || isHostName(name)) return `${name}:${port}`;
  return isIPv6(name) && !name.includes('%') ? `${oneForm(name)}:${port}` : undefined;
}

const MAPPED = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/;

/** An IPv6 address has many forms, and one that stands for an IPv4 address is that: one is one owner's. */
function oneForm(address: string): string {
  const { hostname } = new URL(`http://[${address}]`); // the shortest form, in brackets
  const [, high, low] = MAPPED.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname;
  const [first, second] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [first >> 8, first & 0xff, second >> 8, second & 0xff].join('.');
}

/** RFC 1123, section 2.1, and underscores, which BOSH DNS uses. A final dot is not allowed. */
function isHostName(name: string): boolean {
  if (name.length > 253) return false;
  const labels = name.split('.');
  return labels.every((label) => LABEL.test(label)) && !NUMERIC.test(labels.at(-1) ?? '');
}
