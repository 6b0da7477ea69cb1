/**
 * Says in its own way whether an address lies in a network: by arithmetic on whole numbers, where
 * promgate has the lists of Node.
 */
import { isIP } from 'node:net';

/** Networks of which an address leads, or may lead, to somewhere else than to a public machine. */
const NOT_PUBLIC = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '168.63.129.16/32'],
  ...['169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.168.0.0/16'],
  ...['198.18.0.0/15', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/23', '::ffff:0:0:0/96'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
];

interface Place {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** An IPv4 address in mapped form is that IPv4 address. */
function placeOf(address: string): Place | undefined {
  if (isIP(address) === 4) {
    const value = address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
    return { bits: 32, value };
  }
  if (isIP(address) !== 6 || address.includes('%')) return undefined;
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, a = 0, b = 0, c = 0, d = 0] = (dotted ?? []).map(Number);
  const plain = dotted
    ? address.replace(dotted[0], `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`)
    : address;
  const [left = '', right] = plain.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const gap = right === undefined ? 0 : 8 - head.length - tail.length;
  const parts = [...head, ...new Array<string>(gap).fill('0'), ...tail];
  const value = parts.reduce((sum, part) => sum * 65_536n + BigInt(`0x${part}`), 0n);
  if (value >> 32n === 0xffffn) return { bits: 32, value: value & 0xffff_ffffn };
  return { bits: 128, value };
}

export function isInNetwork(address: string, network: string): boolean {
  const [base = '', prefix] = network.split('/');
  const [one, other] = [placeOf(address), placeOf(base)];
  if (!one || !other || one.bits !== other.bits) return false;
  const shift = BigInt(one.bits - Number(prefix ?? one.bits));
  return one.value >> shift === other.value >> shift;
}

/** Whether promgate may connect to the address if `open` are the networks that are opened. */
export function mayBeAsked(address: string, open: readonly string[]): boolean {
  if (placeOf(address) === undefined) return false;
  if (open.some((network) => isInNetwork(address, network))) return true;
  return !NOT_PUBLIC.some((network) => isInNetwork(address, network));
}

/** First and last address of each network, and those beside it. */
export function edgeAddresses(): string[] {
  return NOT_PUBLIC.flatMap((network) => {
    const [base = '', prefix] = network.split('/');
    const { bits, value } = placeOf(base)!; // the list holds addresses
    const size = 1n << BigInt(bits - Number(prefix));
    const most = (1n << BigInt(bits)) - 1n;
    return [value - 1n, value, value + size - 1n, value + size]
      .filter((one) => one >= 0n && one <= most)
      .map((one) => print(one, bits));
  });
}

function print(value: bigint, bits: 32 | 128): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const parts = Array.from({ length: 8 }, (_, at) => (value >> BigInt(16 * (7 - at))) & 0xffffn);
  return parts.map((part) => part.toString(16)).join(':');
}
