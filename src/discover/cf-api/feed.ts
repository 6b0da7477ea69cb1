/**
 * Hands the targets of an inventory to a layer of the route table.
 *
 * The feed works in short turns. It adds first and removes last, so that an app whose route is
 * renamed never disappears in between.
 */
import { everyTurn, type Pace } from '../../clock.ts';
import type { Endpoint } from '../instance.ts';
import type { TableLayer } from '../layer.ts';
import type { RefusedPiece } from '../refusal.ts';
import { type Target, targetAddress, targetRoute } from '../target.ts';
import type { InventoryApp } from './targets.ts';

const TURN_MS = 2;
const SETTLED_PER_TURN = 64;

/** What the layer lists of an app. */
interface Listed {
  readonly app: InventoryApp;
  readonly entries: readonly Entry[];
}

interface Entry {
  readonly route: string;
  readonly address: string;
}

export class TargetFeed {
  readonly #layer: TableLayer;
  readonly #onRefused: (reason: RefusedPiece, count: number) => void;
  readonly #listed = new Map<string, Listed>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(layer: TableLayer, onRefused: (reason: RefusedPiece, count: number) => void) {
    this.#layer = layer;
    this.#onRefused = onRefused;
  }

  /** Makes the layer equal to these apps. @returns whether anything changed */
  accept(apps: () => ReadonlyMap<string, InventoryApp>, word: number, signal: AbortSignal) {
    return this.#alone(() => this.#accept(apps(), word, signal));
  }

  /** Empties the layer, if `isDue` is still true when earlier changes have ended. */
  clear(isDue: () => boolean, signal: AbortSignal): Promise<void> {
    return this.#alone(async () => {
      if (this.#listed.size === 0 || !isDue()) return;
      await this.#accept(new Map(), this.#layer.nextWord(), signal);
    });
  }

  /** Runs changes of the layer one after the other. */
  #alone<T>(task: () => Promise<T>): Promise<T> {
    const running = this.#last.then(task);
    this.#last = running.catch(() => undefined); // the caller gets the error from `running`
    return running;
  }

  async #accept(apps: ReadonlyMap<string, InventoryApp>, word: number, signal: AbortSignal) {
    const pace = everyTurn(TURN_MS);
    const gone: Entry[] = [];
    let changed = false;
    for (const [appId, app] of apps) {
      await pace();
      if (signal.aborted) return changed;
      const before = this.#listed.get(appId);
      if (before?.app === app) continue;
      changed = true;
      const { entries, complete } = await this.#put(app, pace);
      const now = new Set(entries.map(keyOf));
      gone.push(...(before?.entries.filter((one) => !now.has(keyOf(one))) ?? []));
      // An app that found no room in part is put again at the next time.
      this.#listed.set(appId, { app: complete ? app : { ...app }, entries });
    }
    for (const [appId, { entries }] of this.#listed) {
      await pace();
      if (apps.has(appId)) continue;
      changed = true;
      gone.push(...entries);
      this.#listed.delete(appId);
    }
    for (const { route, address } of gone) {
      this.#layer.remove(route, address);
      await pace();
    }
    this.#layer.confirm(word);
    while (!this.#layer.settle(SETTLED_PER_TURN)) await pace();
    return changed;
  }

  async #put({ targets, listed }: InventoryApp, pace: Pace) {
    const entries: Entry[] = [];
    let complete = true;
    for (const target of listed ? targets.filter(isAsked) : []) {
      const endpoint = endpointOf(target);
      for (const route of routesOf(target)) {
        const refusal = this.#layer.put(route, endpoint);
        if (refusal === undefined) entries.push({ route, address: endpoint.address });
        else this.#onRefused(refusal, 1);
        if (refusal === 'too-many') complete = false;
        await pace();
      }
    }
    return { entries, complete };
  }
}

function keyOf({ route, address }: Entry): string {
  return `${route} ${address}`;
}

/** An instance that is known not to run is not asked, as gorouter would not route to it. */
function isAsked({ state }: Target): boolean {
  return state === 'RUNNING' || state === 'UNKNOWN';
}

/** The routes that readers may name: those that gorouter serves, or one that nobody has. */
function routesOf(target: Target): string[] {
  const served = target.routes
    .filter(({ protocol, internal }) => protocol === 'http' && !internal)
    .map(({ url }) => url);
  return served.length > 0 ? [...new Set(served)] : [targetRoute(target)];
}

function endpointOf(target: Target): Endpoint {
  const { app, processId, processType, index, instanceId, isolationSegment } = target;
  return {
    address: targetAddress(target),
    tls: true, // so that no rule takes the endpoint for one that anybody may answer for
    protocol: 'http1',
    serverCertDomainSan: '',
    privateInstanceId: '',
    availabilityZone: '',
    isolationSegment,
    routeServiceUrl: '',
    ttlSeconds: 0,
    tags: {
      organization_id: app.organizationId,
      organization_name: app.organizationName,
      space_id: app.spaceId,
      space_name: app.spaceName,
      app_id: app.appId,
      app_name: app.appName,
      process_id: processId,
      process_type: processType,
      instance_id: String(index),
      ...(instanceId !== '' && { process_instance_id: instanceId }),
    },
    target,
  };
}
