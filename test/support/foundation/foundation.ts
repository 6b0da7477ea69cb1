/**
 * A simulated foundation, large enough to be believed: UAA and CF API, gorouter with both headers for
 * pinning, route emitters on NATS, instances that say who they are, and rolling deploys without end.
 *
 * All parts show one world. `change` changes it as developers and cells do, and lets every part see it.
 */
import { every } from '../../../src/clock.ts';
import { type CfApi, startCfApi } from '../cf-api/api.ts';
import type { Deployment, World, WorldApp } from '../cf-api/world.ts';
import { type Cells, startCells } from './cells.ts';
import { startEmitter } from './emitter.ts';
import { type Router, startRouter } from './router.ts';

export interface Foundation extends AsyncDisposable {
  readonly api: CfApi;
  readonly world: World;
  readonly cells: Cells;
  readonly router: Router;
  /** What promgate needs to ask the API. */
  readonly client: { readonly client_id: string; readonly client_secret: string };
  /** How many deploys have ended, and the apps that have been deployed. */
  readonly deploys: { done: number; readonly apps: ReadonlySet<WorldApp> };
  /** One step of each deploy under way, a new deploy, and now and then another change. */
  change(): Promise<void>;
  /** Ends all deploys under way. */
  settle(): Promise<void>;
}

export interface FoundationOptions {
  /** Default 500. */
  readonly apps?: number;
  /** The NATS server, and the account of the route emitters. */
  readonly nats: { readonly server: string; readonly user: string; readonly pass: string };
  /** Returns numbers from 0 up to 1. */
  readonly chance: () => number;
}

/** Route emitters register everything again so often. */
const EMIT_EVERY_MS = 20_000;
const ORGANIZATIONS = 10;
const SPACES = 5;
const MOST_INSTANCES = 4;
/** So many apps are deployed at the same time. */
const DEPLOYS = 12;
/** Of all changes but deploys: one in so many. */
const SELDOM = 3;
const CLIENT = { client_id: 'promgate', client_secret: 'a secret of the platform' };

export async function startFoundation(options: FoundationOptions): Promise<Foundation> {
  const { apps = 500, nats, chance } = options;
  await using parts = new AsyncDisposableStack();
  const api = parts.use(await startCfApi());
  api.uaa.clients.set(CLIENT.client_id, {
    ...{ secret: CLIENT.client_secret, scopes: ['cloud_controller.global_auditor'], spaces: [] },
  });
  const { world } = api;
  pushApps(world, apps);
  const cells = parts.use(await startCells());
  cells.follow(world);
  const router = parts.use(await startRouter(world, cells));
  const emitter = parts.use(await startEmitter({ world, cells, ...nats }));
  const stop = new AbortController();
  const emitting = every(EMIT_EVERY_MS, () => emitter.emit(), {
    signal: stop.signal,
    onError: (error) => {
      throw error; // an emitter that fails is a mistake of the test
    },
  });
  parts.defer(async () => {
    stop.abort();
    await emitting;
  });
  const changes = new Changes(world, chance);
  const show = (): Promise<void> => {
    cells.follow(world);
    return emitter.emit();
  };
  const held = parts.move();
  return {
    ...{ api, world, cells, router, client: CLIENT, deploys: changes.deploys },
    change: () => {
      changes.step();
      return show();
    },
    settle: async () => {
      while (changes.goOn()) await show();
      await show();
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Several apps of each space, with names that differ in their case or in one character only. */
function pushApps(world: World, count: number): void {
  for (let at = 0; at < count; at++) {
    const organization = `org-${at % ORGANIZATIONS}`;
    const space = world.space(organization, `space ${Math.floor(at / ORGANIZATIONS) % SPACES}`);
    const name = `app-${Math.floor(at / (ORGANIZATIONS * SPACES))}`; // the same in every space
    const app = world.push({
      ...{ name, space, route: false, instances: 1 + (at % MOST_INSTANCES) },
      ...(at % 10 === 0 && { processes: { worker: 1 } }),
    });
    world.map(app, { host: `app-${at}` });
  }
}

class Changes {
  readonly #world: World;
  readonly #chance: () => number;
  readonly #running = new Map<WorldApp, Deployment>();
  readonly #apps = new Set<WorldApp>();
  readonly deploys = { done: 0, apps: this.#apps };

  constructor(world: World, chance: () => number) {
    this.#world = world;
    this.#chance = chance;
  }

  step(): void {
    this.goOn();
    while (this.#running.size < DEPLOYS) {
      const app = this.#any();
      if (this.#running.has(app) || app.state !== 'STARTED') continue;
      this.#running.set(app, this.#world.deploy(app));
      this.#apps.add(app);
    }
    if (this.#chance() < 1 / SELDOM) this.#other();
  }

  /** One step of each deploy. @returns whether any is still under way */
  goOn(): boolean {
    for (const [app, deploy] of [...this.#running]) {
      if (!deploy.step()) continue;
      this.#running.delete(app);
      this.deploys.done += 1;
    }
    return this.#running.size > 0;
  }

  /** An instance gets a new container, or an app is scaled, stopped or started. */
  #other(): void {
    const app = this.#any();
    if (this.#running.has(app)) return;
    const web = this.#world.web(app);
    const kind = Math.floor(this.#chance() * 4);
    if (app.state === 'STOPPED') this.#world.start(app);
    else if (kind === 0)
      this.#world.replace(web, Math.floor(this.#chance() * web.instances.length));
    else if (kind === 1) this.#world.scale(web, 1 + Math.floor(this.#chance() * MOST_INSTANCES));
    else if (kind === 2) this.#world.stop(app);
  }

  #any(): WorldApp {
    const { apps } = this.#world;
    return apps[Math.floor(this.#chance() * apps.length)]!; // there are apps
  }
}
