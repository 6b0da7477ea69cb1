/**
 * Fills a simulated foundation with many apps of several kinds.
 */
import type { World } from './world.ts';

export interface LargeWorldOptions {
  readonly apps: number;
  readonly organization: string;
}

/** 20 apps in a space; every tenth app has a worker, every fiftieth a registration. */
export function largeWorld(world: World, { apps, organization }: LargeWorldOptions): void {
  for (let at = 0; at < apps; at += 1) {
    const space = world.space(organization, `space-${Math.floor(at / 20)}`);
    const app = world.push({
      ...{ name: `app-${at}`, space, instances: 1 + (at % 3) },
      labels: { team: `team-${at % 40}`, tier: at % 2 === 0 ? 'web' : 'api' },
      annotations: { 'example.com/contact': `team-${at % 40}@example.com` },
      processes: at % 10 === 0 ? { worker: 2 } : {},
    });
    if (at % 4 === 0) world.map(app, { host: app.name, domain: world.internalDomain });
    if (at % 50 === 0) world.register('metrics-endpoint:///actuator/prometheus', app);
  }
}
