/** Which hosts are asked without the proxy. */
import { BlockList, isIP } from 'node:net';

/** @param exceptions - hosts, `.domain`, addresses, networks, `*`; each may end in `:port` */
export function isExcepted(url: URL, exceptions: readonly string[]): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return exceptions.some((text) => {
    const exception = text.trim().toLowerCase();
    if (exception === '*') return true;
    if (exception.includes('/')) return isInNetwork(host, exception);
    const [, name = '', onlyPort] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(exception) ?? [];
    const wanted = isIP(exception) ? exception : name;
    if (!isIP(exception) && onlyPort !== undefined && onlyPort !== port) return false;
    if (wanted === '' || isIP(wanted)) return wanted !== '' && wanted === host;
    if (wanted.startsWith('.')) return host.endsWith(wanted);
    return host === wanted || host.endsWith(`.${wanted}`);
  });
}

function isInNetwork(host: string, network: string): boolean {
  const family = isIP(host);
  const [address = '', prefix = ''] = network.split('/');
  if (family === 0 || isIP(address) !== family || !/^\d+$/.test(prefix)) return false;
  if (Number(prefix) > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  const type = family === 6 ? 'ipv6' : 'ipv4';
  list.addSubnet(address, Number(prefix), type);
  return list.check(host, type);
}
