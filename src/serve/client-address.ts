/**
 * Who asks, behind proxies that may be believed.
 *
 * Everybody may send `X-Forwarded-For`; a proxy appends the address that it saw. So the list is read
 * from its end, for as long as those who wrote it are trusted.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

export type ClientAddress = (
  request: Pick<IncomingMessage, 'headers'> & {
    readonly socket: { readonly remoteAddress?: string | undefined };
  },
) => string;

/** @param trustedProxies - addresses, or networks as `10.0.0.0/8` */
export function clientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = new BlockList();
  for (const network of trustedProxies) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  const isTrusted = (address: string): boolean =>
    trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return ({ headers, socket }) => {
    let seen = socket.remoteAddress ?? '';
    if (trustedProxies.length === 0) return seen;
    const forwarded = String(headers['x-forwarded-for'] ?? '').split(',');
    while (isIP(seen) !== 0 && isTrusted(seen)) {
      const before = forwarded.pop()?.trim() ?? '';
      if (isIP(before) === 0) break;
      seen = before;
    }
    return seen;
  };
}
