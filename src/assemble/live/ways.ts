/**
 * Tries of the ways to instances that the configuration and the platform offer.
 */
import type { Config } from '../../config/config.ts';
import type { Instance } from '../../discover/instance.ts';
import { Scraper } from '../../fetch/fan-out.ts';
import { identityExpiry } from '../../fetch/instance-identity.ts';
import { RouterProbe } from '../../fetch/router-probe.ts';
import { socketLookup } from '../../fetch/socket-lookup.ts';
import { fixedTrust } from '../../fetch/trust.ts';
import type { Ground } from '../ground.ts';
import { askOnce, trustsOf } from '../ways.ts';
import { type Try, TryError, type TryResult } from './try.ts';

type WaysConfig = Pick<Config, 'scrape' | 'routes'>;
type WaysGround = Pick<Ground, 'authorities' | 'lookup'>;

const NOBODY: Instance['app'] = {
  ...{ organizationId: '', spaceId: '', appId: '' },
  ...{ organizationName: '', spaceName: '', appName: '' },
};

export function wayTries(config: WaysConfig, ground: WaysGround): Try[] {
  const { router, identity, via } = config.scrape;
  const uses = (way: typeof via): boolean => via === 'auto' || via === way;
  return [
    ...(router && uses('gorouter')
      ? [{ name: `way gorouter ${router.address}`, run: () => tryRouter(config, ground) }]
      : []),
    ...(identity && uses('identity')
      ? [{ name: 'way identity', run: () => tryIdentity(identity) }]
      : []),
  ];
}

/** Asks the router for an instance that cannot exist, of a route that nobody has. */
async function tryRouter(config: WaysConfig, ground: WaysGround): Promise<TryResult> {
  const router = config.scrape.router!; // the caller has seen it
  const instances = fixedTrust({ ca: [] });
  const log = { warn: () => undefined };
  await using scraper = new Scraper({
    ...config.scrape,
    lookup: socketLookup(ground.lookup),
    trust: await trustsOf(config, { instances, authorities: ground.authorities, log }),
  });
  let failed: string | undefined;
  const probe = new RouterProbe({
    ask: async (target) => {
      const asked = await askOnce(scraper, target);
      failed = asked.failure;
      return asked;
    },
  });
  const host = router.address.replace(/:\d+$/, '');
  const route = { host, path: '', internal: false, identityAware: false, appPort: undefined };
  await probe.ask(router, route, NOBODY);
  if (probe.knows === undefined) {
    throw new TryError(
      `no answer of a gorouter: ${failed ?? 'none'}`,
      'set scrape.router to the URL of a gorouter or of its load balancer, with a host that its certificate names',
    );
  }
  return {
    state: 'ok',
    said: probe.knows
      ? 'gorouter answers, and heeds X-CF-PROCESS-INSTANCE'
      : 'gorouter answers, but does not heed X-CF-PROCESS-INSTANCE: apps are not read while they are deployed',
  };
}

async function tryIdentity(files: NonNullable<Config['scrape']['identity']>): Promise<TryResult> {
  try {
    const until = await identityExpiry(files);
    const said = `the instance identity is valid until ${until.toISOString()}`;
    if (until.getTime() > Date.now()) return { state: 'ok', said };
  } catch (cause) {
    throw new TryError(
      `the instance identity cannot be used: ${String(cause)}`,
      'look whether CF_INSTANCE_CERT and CF_INSTANCE_KEY name readable files',
      { cause },
    );
  }
  throw new TryError('the instance identity has expired', 'restart this instance of promgate');
}
