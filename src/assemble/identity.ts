/**
 * Readers with an instance identity: the authorities, the check of a request, and the ports.
 */
import type { RequestListener } from 'node:http';
import type { Config } from '../config/config.ts';
import { IDENTITY_FAILURES } from '../serve/identity.ts';
import { watchAuthorities } from '../serve/identity-authorities.ts';
import { IdentityReaders } from '../serve/identity-readers.ts';
import { listenError } from '../serve/listen-error.ts';
import { type Server, type ServerSettings, startServer } from '../serve/server.ts';
import { identityMetrics } from '../telemetry/identity-metrics.ts';
import type { Ground } from './ground.ts';

/** @param parts - its disposal ends the looks at the file of authorities */
export async function openIdentityReaders(
  { identity }: Config['auth'],
  { log, registry }: Pick<Ground, 'log' | 'registry'>,
  parts: AsyncDisposableStack,
): Promise<IdentityReaders | undefined> {
  if (!identity) return undefined;
  const { refused } = identityMetrics(registry, IDENTITY_FAILURES);
  const authorities = await watchAuthorities(identity.caFile, {
    onChange: (err) => {
      if (err === undefined) log.info('the file of auth.identity.ca has changed and is used now');
      else log.warn('the file of auth.identity.ca cannot be used: the previous one stays', { err });
    },
  });
  parts.use(authorities);
  return new IdentityReaders({
    authorities: authorities.current,
    gorouterName: identity.gorouter?.name ?? '',
    envoyDomains: identity.gorouter?.envoyDomains ?? [],
    onRefused: (failure) => refused.inc({ failure }),
  });
}

export interface IdentityServers {
  readonly tls: Server | undefined;
  readonly gorouter: Server | undefined;
}

interface ListenParts extends Omit<ServerSettings, 'port' | 'handle' | 'tls'> {
  readonly readers: IdentityReaders | undefined;
  readonly listener: RequestListener;
  readonly log: Ground['log'];
}

/** Opens the ports that the configuration names. @param parts - its disposal closes them */
export async function listenForIdentities(
  { identity }: Config['auth'],
  { readers, listener, log, ...settings }: ListenParts,
  parts: AsyncDisposableStack,
): Promise<IdentityServers> {
  const open = async (name: 'tls' | 'gorouter'): Promise<Server | undefined> => {
    const files = identity?.[name];
    if (!files || !readers) return undefined;
    const { port } = files;
    const server = await startServer({
      ...{ ...settings, port, handle: readers.through(name, listener) },
      tls: { ...files, asksClients: name === 'tls' },
      onCertificates: (err) => {
        if (err === undefined) log.info(`the files of auth.identity.${name} have changed`);
        else log.warn(`the files of auth.identity.${name} cannot be used`, { err });
      },
    }).catch((cause: unknown) => {
      throw listenError(cause, { host: settings.host, port, key: `auth.identity.${name}.port` });
    });
    return parts.use(server);
  };
  return { tls: await open('tls'), gorouter: await open('gorouter') };
}
