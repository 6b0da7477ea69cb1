/**
 * The route emitter of a simulated foundation: tells NATS which instances run, as cells do.
 */
import { connect } from '@nats-io/transport-node';
import type { World } from '../cf-api/world.ts';
import type { Cells, RunningInstance } from './cells.ts';

export interface Emitter extends AsyncDisposable {
  /** Registers all that runs, and unregisters what does not run any more. */
  emit(): Promise<void>;
}

export interface EmitterOptions {
  readonly world: World;
  readonly cells: Cells;
  readonly server: string;
  readonly user: string;
  readonly pass: string;
}

export async function startEmitter(options: EmitterOptions): Promise<Emitter> {
  const { world, cells, server, user, pass } = options;
  const connection = await connect({ servers: [server], user, pass });
  const registered = new Map<string, object>();
  return {
    emit: async () => {
      const routes = routesByProcess(world);
      for (const [guid, message] of registered) {
        if (cells.running.has(guid)) continue;
        connection.publish('router.unregister', JSON.stringify(message));
        registered.delete(guid);
      }
      for (const [guid, running] of cells.running) {
        const uris = routes.get(`${running.process.app.guid} ${running.process.type}`) ?? [];
        if (uris.length === 0) continue;
        const message = messageOf(running, uris);
        connection.publish('router.register', JSON.stringify(message));
        registered.set(guid, message);
      }
      await connection.flush();
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** The public routes of each app and process type. */
function routesByProcess({ routes }: World): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { domain, host, path, destinations } of routes) {
    if (domain.internal) continue;
    for (const { app, processType } of destinations) {
      const key = `${app.guid} ${processType}`;
      found.set(key, [...(found.get(key) ?? []), `${host}.${domain.name}${path}`]);
    }
  }
  return found;
}

function messageOf({ process, instance, index, host, port }: RunningInstance, uris: string[]) {
  const { app } = process;
  const { space } = app;
  return {
    ...{ host, port, uris, app: app.guid, protocol: 'http1' },
    ...{ stale_threshold_in_seconds: 120, availability_zone: `z${(index % 3) + 1}` },
    ...{ private_instance_id: instance.guid, private_instance_index: String(index) },
    tags: {
      component: 'route-emitter',
      ...{ source_id: app.guid, app_id: app.guid, app_name: app.name },
      ...{ space_id: space.guid, space_name: space.name, instance_id: String(index) },
      organization_id: space.organization.guid,
      organization_name: space.organization.name,
      ...{ process_id: process.guid, process_type: process.type },
      process_instance_id: instance.guid,
    },
  };
}
