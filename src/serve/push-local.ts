/**
 * Who may push without a token while `auth.mode` is `open`: only programs on this machine, unless
 * `push.open` lets everybody.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { ClientAddress } from './client-address.ts';
import { Problem } from './errors.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Headers by which a proxy on this machine tells that it passes on the request of somebody else. */
const FORWARDED = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'] as const;

/**
 * Tells whether a request comes from a program on this machine.
 *
 * @param addressOf - see `clientAddress`: with trusted proxies, the address of their client
 */
export function localClients(addressOf: ClientAddress): (request: IncomingMessage) => boolean {
  let last = { address: '', isLoopback: false }; // most requests come from one address
  return (request) => {
    const address = addressOf(request);
    if (last.address !== address) last = { address, isLoopback: isLoopback(address) };
    if (!last.isLoopback) return false;
    const isNamedByProxy = address !== request.socket.remoteAddress;
    return isNamedByProxy || FORWARDED.every((name) => request.headers[name] === undefined);
  };
}

function isLoopback(address: string): boolean {
  if (address === '127.0.0.1') return true; // the others take a microsecond
  const plain = address.replace(/^::ffff:/i, '');
  const family = isIP(plain);
  return family !== 0 && LOOPBACK.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

export function notLocal(): Problem {
  const detail =
    'without a token only programs on the machine of promgate may push: send the token of a binding ' +
    'of the push plan, set auth.mode, or set push.open to let everybody push';
  return new Problem('forbidden', detail);
}
