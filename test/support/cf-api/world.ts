/**
 * What runs on a simulated foundation, as the Cloud Controller knows it.
 *
 * Plain state that tests change at any time: apps are pushed, scaled, stopped, deployed step by
 * step, bound and deleted. `api.ts` shows it as the CF API does.
 */
import { createHash } from 'node:crypto';

export interface WorldOrganization {
  readonly guid: string;
  name: string;
}

export interface WorldSpace {
  readonly guid: string;
  name: string;
  readonly organization: WorldOrganization;
}

export interface WorldApp {
  readonly guid: string;
  name: string;
  readonly space: WorldSpace;
  state: 'STARTED' | 'STOPPED';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  updatedMs: number;
}

export type WorldState = 'RUNNING' | 'STARTING' | 'STOPPING' | 'CRASHED' | 'DOWN';

export interface WorldInstance {
  guid: string;
  state: WorldState;
  sinceMs: number;
  cell: string;
  containerIp: string;
  /** By container port: the cell's TLS proxy port. */
  tlsPorts: Map<number, number>;
}

export interface WorldProcess {
  readonly guid: string;
  readonly app: WorldApp;
  readonly type: string;
  /** The number that is wanted is their number. */
  instances: WorldInstance[];
  /** Container ports, 8080 by default. */
  ports: number[];
  updatedMs: number;
}

export interface WorldDomain {
  readonly guid: string;
  readonly name: string;
  readonly internal: boolean;
  readonly identityAware: boolean;
}

export interface WorldRoute {
  readonly guid: string;
  readonly space: WorldSpace;
  readonly domain: WorldDomain;
  readonly host: string;
  readonly path: string;
  readonly port: number | undefined;
  destinations: { app: WorldApp; processType: string; port: number; protocol: string }[];
  updatedMs: number;
}

export interface WorldService {
  readonly guid: string;
  readonly name: string;
  readonly space: WorldSpace;
  readonly drainUrl: string | null;
}

export interface WorldBinding {
  readonly guid: string;
  readonly app: WorldApp;
  readonly service: WorldService;
}

export interface PushOptions {
  readonly name: string;
  readonly space: WorldSpace;
  /** Default 1. */
  readonly instances?: number;
  /** Further processes: type -> instances. */
  readonly processes?: Readonly<Record<string, number>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whether to map `<name>.apps.example.com`. Default true. */
  readonly route?: boolean;
}

/** A rolling deployment under way. */
export interface Deployment {
  readonly old: WorldProcess;
  readonly next: WorldProcess;
  /** One instance of the new process more, one of the old less. @returns whether it is done */
  step(): boolean;
}

export class World {
  readonly nowMs: () => number;
  readonly organizations: WorldOrganization[] = [];
  readonly spaces: WorldSpace[] = [];
  readonly domains: WorldDomain[] = [];
  apps: WorldApp[] = [];
  processes: WorldProcess[] = [];
  routes: WorldRoute[] = [];
  services: WorldService[] = [];
  bindings: WorldBinding[] = [];
  readonly publicDomain: WorldDomain;
  readonly internalDomain: WorldDomain;
  #made = 0;

  /** @param nowMs - the wall clock that dates changes */
  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
    this.publicDomain = this.domain('apps.example.com');
    this.internalDomain = this.domain('apps.internal', { internal: true });
  }

  domain(name: string, { internal = false, identityAware = false } = {}): WorldDomain {
    const domain = { guid: this.#guid(`domain ${name}`), name, internal, identityAware };
    this.domains.push(domain);
    return domain;
  }

  /** The space with these names, which is made if there is none. */
  space(organization: string, name: string): WorldSpace {
    let own = this.organizations.find((one) => one.name === organization);
    if (!own) {
      own = { guid: this.#guid(`organization ${organization}`), name: organization };
      this.organizations.push(own);
    }
    const known = this.spaces.find((one) => one.organization === own && one.name === name);
    if (known) return known;
    const space = { guid: this.#guid(`space ${name}`), name, organization: own };
    this.spaces.push(space);
    return space;
  }

  push(options: PushOptions): WorldApp {
    const { name, space, instances = 1, processes = {}, route = true } = options;
    const app: WorldApp = {
      ...{ guid: this.#guid(`app ${name}`), name, space, state: 'STARTED' },
      labels: { ...options.labels },
      annotations: { ...options.annotations },
      updatedMs: this.nowMs(),
    };
    this.apps.push(app);
    for (const [type, count] of Object.entries({ web: instances, ...processes })) {
      this.#process(app, type, count);
    }
    if (route) this.map(app, { host: name });
    return app;
  }

  map(
    app: WorldApp,
    route: {
      readonly host: string;
      readonly domain?: WorldDomain;
      readonly path?: string;
      readonly port?: number;
      readonly appPort?: number;
      readonly processType?: string;
    },
  ): WorldRoute {
    const { host, domain = this.publicDomain, path = '', port, appPort = 8080 } = route;
    const { processType = 'web' } = route;
    const mapped: WorldRoute = {
      ...{ guid: this.#guid(`route ${host}`), space: app.space, domain, host, path, port },
      destinations: [{ app, processType, port: appPort, protocol: 'http1' }],
      updatedMs: this.nowMs(),
    };
    this.routes.push(mapped);
    for (const process of this.processesOf(app, processType)) {
      if (process.ports.includes(appPort)) continue;
      process.ports.push(appPort);
      for (const one of process.instances) one.tlsPorts.set(appPort, 61_001 + one.tlsPorts.size);
    }
    return mapped;
  }

  processesOf(app: WorldApp, type = 'web'): WorldProcess[] {
    return this.processes.filter((one) => one.app === app && one.type === type);
  }

  web(app: WorldApp): WorldProcess {
    const [web] = this.processesOf(app);
    if (!web) throw new Error(`${app.name} has no web process`);
    return web;
  }

  scale(process: WorldProcess, instances: number): void {
    while (process.instances.length > instances) process.instances.pop();
    while (process.instances.length < instances) process.instances.push(this.#instance(process));
    process.updatedMs = this.nowMs();
  }

  stop(app: WorldApp): void {
    app.state = 'STOPPED';
    app.updatedMs = this.nowMs();
  }

  start(app: WorldApp): void {
    app.state = 'STARTED';
    app.updatedMs = this.nowMs();
  }

  delete(app: WorldApp): void {
    this.apps = this.apps.filter((one) => one !== app);
    this.processes = this.processes.filter((one) => one.app !== app);
    this.bindings = this.bindings.filter((one) => one.app !== app);
    for (const route of this.routes) {
      route.destinations = route.destinations.filter((one) => one.app !== app);
    }
  }

  /** The instance runs in a new container: other guid, cell and ports. The API dates no change. */
  replace(process: WorldProcess, index: number, state: WorldState = 'RUNNING'): WorldInstance {
    const next = { ...this.#instance(process), state };
    process.instances[index] = next;
    return next;
  }

  setState(process: WorldProcess, index: number, state: WorldState): void {
    const one = process.instances[index];
    if (!one) throw new Error(`no instance ${index}`);
    one.state = state;
    one.sinceMs = this.nowMs();
  }

  /** Begins a rolling deployment: a second web process with one instance. */
  deploy(app: WorldApp): Deployment {
    const old = this.web(app);
    const wanted = old.instances.length;
    const next = this.#process(app, 'web', 1);
    next.ports = [...old.ports];
    return {
      old,
      next,
      step: () => {
        this.scale(old, Math.max(0, old.instances.length - 1));
        if (next.instances.length < wanted) this.scale(next, next.instances.length + 1);
        if (old.instances.length > 0) return false;
        this.processes = this.processes.filter((one) => one !== old);
        return true;
      },
    };
  }

  /** Binds a user-provided service with a drain URL to the apps. */
  register(drainUrl: string | null, ...apps: readonly WorldApp[]): WorldService {
    const [first] = apps;
    if (!first) throw new Error('no app to bind');
    const guid = this.#guid('service');
    const service = { guid, name: `service-${guid}`, space: first.space, drainUrl };
    this.services.push(service);
    for (const app of apps) this.bindings.push({ guid: this.#guid('binding'), app, service });
    return service;
  }

  #process(app: WorldApp, type: string, instances: number): WorldProcess {
    const isFirst = type === 'web' && this.processesOf(app).length === 0;
    const process: WorldProcess = {
      ...{ guid: isFirst ? app.guid : this.#guid(`process ${type}`), app, type },
      ...{ instances: [], ports: [8080], updatedMs: this.nowMs() },
    };
    process.instances = Array.from({ length: instances }, () => this.#instance(process));
    this.processes.push(process);
    return process;
  }

  #instance({ ports }: Pick<WorldProcess, 'ports'>): WorldInstance {
    const guid = this.#guid('instance');
    const at = this.#made;
    return {
      ...{ guid, state: 'RUNNING', sinceMs: this.nowMs() },
      cell: `10.0.${(at >> 8) & 255}.${at & 255}`,
      containerIp: `10.255.${(at >> 8) & 255}.${at & 255}`,
      tlsPorts: new Map(ports.map((port, place) => [port, 61_001 + (at % 900) * 4 + place])),
    };
  }

  #guid(of: string): string {
    this.#made += 1;
    const hex = createHash('sha256').update(`${of} ${this.#made}`).digest('hex');
    const parts = [
      [0, 8],
      [8, 12],
      [12, 16],
      [16, 20],
      [20, 32],
    ] as const;
    return parts.map(([from, to]) => hex.slice(from, to)).join('-');
  }
}
