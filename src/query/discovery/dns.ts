/**
 * Servers that DNS names, as in Prometheus' dns_sd_configs.
 */
import { Resolver } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import type { DiscoveredServer } from '../groups/settings.ts';
import type { Discovery } from './discovery.ts';

type RecordType = 'SRV' | 'A' | 'AAAA' | 'MX' | 'NS';

export interface DnsDiscoveryOptions {
  readonly names: readonly string[];
  readonly type: RecordType;
  /** Of all records but SRV. */
  readonly port: number;
  readonly refreshMs: number;
  /** Name servers in place of the system's. */
  readonly nameServers?: readonly string[];
}

const TIMEOUT_MS = 5_000;

export function dnsDiscovery(options: DnsDiscoveryOptions): Discovery {
  const { names, type, refreshMs, nameServers } = options;
  return {
    name: `dns_sd_configs ${names.join(', ')}`,
    refreshMs,
    find: async (signal) => {
      const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
      if (nameServers !== undefined) resolver.setServers(nameServers);
      const cancel = (): void => resolver.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        const found = await Promise.all(names.map((name) => lookUp(resolver, name, options)));
        return found.flat();
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
  };

  async function lookUp(
    resolver: Resolver,
    name: string,
    { port }: DnsDiscoveryOptions,
  ): Promise<readonly DiscoveredServer[]> {
    const server = (host: string, at: number, meta = {}): DiscoveredServer => ({
      address: `${isIPv6(host) ? `[${host}]` : host}:${at}`,
      labels: { __meta_dns_name: name, ...meta },
    });
    const bare = (host: string): string => host.replace(/\.$/, '');
    switch (type) {
      case 'SRV':
        return (await resolver.resolveSrv(name)).map((record) =>
          server(bare(record.name), record.port, {
            __meta_dns_srv_record_target: record.name,
            __meta_dns_srv_record_port: String(record.port),
          }),
        );
      case 'A':
        return (await resolver.resolve4(name)).map((host) => server(host, port));
      case 'AAAA':
        return (await resolver.resolve6(name)).map((host) => server(host, port));
      case 'MX':
        return (await resolver.resolveMx(name)).map(({ exchange }) =>
          server(bare(exchange), port, { __meta_dns_mx_record_target: exchange }),
        );
      case 'NS':
        return (await resolver.resolveNs(name)).map((host) =>
          server(bare(host), port, { __meta_dns_ns_record_target: host }),
        );
    }
  }
}
