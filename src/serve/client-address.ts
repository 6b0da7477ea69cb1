/**
 * Finds the address of a client behind trusted proxies.
 *
 * Any client may send `X-Forwarded-For`; a proxy appends the address of its own client. So the
 * header is read from its end, and an entry counts only if a trusted proxy wrote it.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

export type ClientAddress = (
  request: Pick<IncomingMessage, 'headers'> & {
    readonly socket: { readonly remoteAddress?: string | undefined };
  },
) => string;

/** Bound on the memory of a reader's name. */
const MAX_NAME_LENGTH = 64;

/**
 * Tells readers apart, behind any proxies: by the first address that they name. No credential may
 * depend on it, nor a bound on readers other than operators.
 */
export function readerName({ headers, socket }: Parameters<ClientAddress>[0]): string {
  const forwarded = String(headers['x-forwarded-for'] ?? '').slice(0, MAX_NAME_LENGTH);
  return forwarded.split(',', 1)[0]!.trim() || (socket.remoteAddress ?? '');
}

/** @param trustedProxies - addresses, or networks such as `10.0.0.0/8` */
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
