/** A small world: two organizations, labels, annotations and a registration. */
import type { CfApi } from '../../support/cf-api/api.ts';
import type { WorldSpace } from '../../support/cf-api/world.ts';

/** `organization/space/app` of all apps that run, in order. */
export const EVERYTHING = [
  ...['acme/dev/shop', 'acme/prod/cart', 'acme/prod/shop', 'acme/prod/shop-worker'],
  'globex/dev/shop',
];

/** @param prod - the space acme/prod */
export function fillWorld({ world }: CfApi, prod: WorldSpace): void {
  const dev = world.space('acme', 'dev');
  const globex = world.space('globex', 'dev');
  world.push({ name: 'shop', space: prod, labels: { team: 'shop' } });
  world.push({
    ...{ name: 'cart', space: prod, labels: { team: 'payments' } },
    annotations: { 'prometheus.io/scrape': 'true' },
  });
  world.push({ name: 'shop-worker', space: prod, labels: { team: 'shop', legacy: 'yes' } });
  world.push({ name: 'shop', space: dev });
  const shop = world.push({ name: 'shop', space: globex });
  world.register('metrics-endpoint:///actuator/prometheus', shop);
  world.stop(world.push({ name: 'stopped', space: prod }));
}
