/**
 * Networks of IP addresses: which addresses are not public, and lists of networks in a configuration.
 *
 * An IPv6 address that carries an IPv4 address in the mapped form (`::ffff:10.0.0.1`) is judged as
 * that IPv4 address, since the system connects to it. Addresses that other machines translate
 * (NAT64, 6to4, Teredo) are never public: the network alone knows where these lead.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
import { BlockList, isIP } from 'node:net';

/** IPv4 networks that are not public. */
const NOT_PUBLIC_4 = [
  '0.0.0.0/8', // the machine itself: Linux connects 0.0.0.0 to loopback
  '10.0.0.0/8',
  '100.64.0.0/10', // behind a carrier's address translation; a cloud keeps its metadata here
  '127.0.0.0/8',
  '168.63.129.16/32', // the wire server of Azure: a public address with a machine's secrets
  '169.254.0.0/16', // link-local: the metadata of most clouds
  '172.16.0.0/12',
  '192.0.0.0/24', // protocols; a cloud keeps its metadata here
  '192.0.2.0/24', // examples, as the next two
  '198.51.100.0/24',
  '203.0.113.0/24',
  '192.31.196.0/24', // AS112 and anycast relays
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.175.48.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

/** IPv6 networks that are not public, of those that lie in `PUBLIC_6`. */
const NOT_PUBLIC_6 = [
  '2001::/23', // protocols: Teredo, ORCHID and others
  '2001:db8::/32', // examples
  '2002::/16', // 6to4: leads to an IPv4 address
  '3fff::/20', // examples
];

/** All global unicast addresses that were ever given out; what lies outside is not public. */
const PUBLIC_6 = ['2000::/3'];

/** A list of networks. */
export class Networks {
  readonly #list4 = new BlockList();
  readonly #list6 = new BlockList();

  /** @param networks - addresses, or networks such as `10.0.0.0/8`; checked by the configuration */
  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network);
  }

  /** @param address - an IP address without brackets; any other text is in no network */
  has(address: string): boolean {
    const plain = unmapped(address);
    if (isIP(plain) === 4) return this.#list4.check(plain, 'ipv4');
    return isIP(plain) === 6 && this.#list6.check(plain, 'ipv6');
  }

  #add(network: string): void {
    const [address = '', bits] = network.split('/');
    const mapped = unmapped(address);
    const isMapped = mapped !== address;
    const is4 = isIP(mapped) === 4;
    const longest = is4 ? 32 : 128;
    const given = bits === undefined ? longest : Number(bits);
    // Of a network of mapped addresses, only the bits behind the common prefix count.
    const prefix = isMapped && bits !== undefined ? Math.max(0, given - 96) : given;
    // Lists of their own: in one list, `::/0` would hold every IPv4 address as well.
    if (is4) this.#list4.addSubnet(mapped, prefix, 'ipv4');
    else this.#list6.addSubnet(mapped, prefix, 'ipv6');
  }
}

const notPublic = new Networks([...NOT_PUBLIC_4, ...NOT_PUBLIC_6]);
const public6 = new Networks(PUBLIC_6);

/** Whether anybody on the internet may own the address; false for a text that is no address. */
export function isPublic(address: string): boolean {
  const plain = unmapped(address);
  if (isIP(plain) === 0 || plain.includes('%') || notPublic.has(plain)) return false;
  return isIP(plain) === 4 || public6.has(plain);
}

/** The IPv4 address of a mapped IPv6 address; any other text stays. */
function unmapped(address: string): string {
  if (isIP(address) !== 6 || address.includes('%')) return address;
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return address;
  const value = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}
