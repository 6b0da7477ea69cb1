/**
 * Turns the target of an instance into the targets of the ways that reach it, first to last, and
 * learns from each answer which ways lead into which networks.
 */
import type { Instance } from '../discover/instance.ts';
import { isPlaceless, type Target } from '../discover/target.ts';
import type { Failure } from './failure.ts';
import { knownOf } from './known.ts';
import type { RouterAddress, RouterProbe } from './router-probe.ts';
import type { ScrapeTarget } from './target.ts';
import { type Attempt, planWays, type Via, type Wanted, type WaySettings } from './way.ts';
import { type OwnName, wayAdvice } from './way-advice.ts';
import { WayMemory } from './way-memory.ts';

export interface WaysOptions
  extends Pick<WaySettings, 'via' | 'hasIdentity' | 'hasCellCertificate' | 'internalTls'> {
  /** `scrape.router` */
  readonly router: RouterAddress | undefined;
  /** `scrape.identity_router`, which speaks TLS; undefined: the host of each route, port 443. */
  readonly identityRouter: RouterAddress | undefined;
  /** `scrape.router_knows_processes`; undefined: `probe` finds out. */
  readonly knowsProcesses: boolean | undefined;
  readonly probe?: RouterProbe | undefined;
  /** The names of promgate's own app, for advice. */
  readonly own?: OwnName | undefined;
  /** The latest word of the CF API of an instance; default: what the instance says itself. */
  readonly latest?: ((target: Target) => Target | undefined) | undefined;
  /** Asks the CF API for the ports of a process, unless they are known. Must not reject. */
  readonly wantStats?: ((processId: string) => Promise<unknown>) | undefined;
  readonly memory?: WayMemory | undefined;
  /** Called with the end of each attempt. Must not throw. */
  readonly onAttempt?: ((via: Via, failure: Failure | undefined) => void) | undefined;
}

/** What a page wants beside its path. */
export type WantedPort = Omit<Wanted, 'path'>;

/** An attempt that others can follow must not cost much. */
const PROBE_CONNECT_MS = 1000;
/** How long a scrape waits for the router's or the CF API's word before it plans without it. */
const PREPARE_MS = 2000;
/** Bound on the processes whose stats a scrape has waited for; then all are forgotten. */
const MAX_WAITED_FOR = 65_536;
const HTTPS_PORT = 443;

export class Ways {
  readonly #options: WaysOptions;
  readonly #memory: WayMemory;
  readonly #waitedFor = new Set<string>();

  constructor(options: WaysOptions) {
    this.#options = options;
    this.#memory = options.memory ?? new WayMemory();
  }

  /**
   * Finds out what the plan for these instances needs to know. Waits only for what was never asked
   * before: afterwards the plan goes by what is known.
   *
   * @returns undefined if nothing is to be waited for
   */
  prepare(
    instances: readonly Instance[],
    wants: Wants,
    mostMs: number = PREPARE_MS,
  ): Promise<unknown> | undefined {
    const waits: Promise<unknown>[] = [];
    const asked = new Set<string>();
    for (const instance of instances) {
      const target = this.#targetOf(instance);
      if (!target || asked.has(target.processId)) continue;
      asked.add(target.processId);
      if (this.#needsPorts(instance, target, wants(instance))) {
        const stats = this.#options.wantStats?.(target.processId);
        if (stats && this.#isFirst(target.processId)) waits.push(stats);
      }
    }
    const isFirst = this.#options.probe?.wasAsked === false;
    const probing = this.#probe(instances);
    if (probing && isFirst) waits.push(probing);
    if (waits.length === 0) return undefined;
    return within(Promise.all(waits), Math.min(mostMs, PREPARE_MS));
  }

  /** Whether no scrape has waited for the stats of the process yet. */
  #isFirst(processId: string): boolean {
    if (this.#waitedFor.has(processId)) return false;
    if (this.#waitedFor.size >= MAX_WAITED_FOR) this.#waitedFor.clear();
    this.#waitedFor.add(processId);
    return true;
  }

  /** At least one target; a target that must not be asked has `refused`. */
  targets(
    instance: Instance,
    direct: ScrapeTarget,
    wanted: WantedPort = {},
  ): readonly ScrapeTarget[] {
    const { via, router } = this.#options;
    const target = this.#targetOf(instance);
    const isPlain = wanted.port === undefined && !wanted.host && !target && !router;
    if (isPlain && via === 'auto' && !wanted.onlyTls) return [direct];
    const known = knownOf(instance, target);
    const { attempts, failure } = planWays(known, { ...wanted, path: direct.path }, this.#settings);
    if (failure !== undefined) return [{ ...direct, refused: failure }];
    const targets = attempts.map((attempt) => this.#target(attempt, direct));
    return via === 'auto' && targets.length > 1 ? this.#open(targets) : targets;
  }

  /** Learns from the end of an attempt. */
  heard(target: ScrapeTarget, failure: Failure | undefined): void {
    const { via, refused } = target;
    if (via === undefined || refused !== undefined) return;
    this.#options.onAttempt?.(via, failure);
    if (failure !== undefined && UNTOLD.has(failure)) return;
    if (failure !== undefined && UNREACHED.has(failure)) this.#memory.failed(networkOf(target));
    else this.#memory.reached(networkOf(target));
  }

  /** What an operator or developer can do about a failure, with the names at hand. */
  adviceOf(target: ScrapeTarget, failure: Failure): string | undefined {
    return wayAdvice(target, failure, {
      own: this.#options.own,
      hasRouter: this.#options.router !== undefined,
    });
  }

  get #settings(): WaySettings {
    const { knowsProcesses, probe } = this.#options;
    return { ...this.#options, knowsProcesses: knowsProcesses ?? probe?.knows ?? false };
  }

  /** The targets of ways that are not shut, or all if each is; the order stays. */
  #open(targets: readonly ScrapeTarget[]): readonly ScrapeTarget[] {
    const open = targets.filter((one) => this.#memory.admits(networkOf(one)));
    const tried = open.length > 0 ? open : targets;
    return tried.map((one, at) =>
      at === tried.length - 1 ? one : { ...one, connectTimeoutMs: PROBE_CONNECT_MS },
    );
  }

  #targetOf({ target }: Instance): Target | undefined {
    return target && (this.#options.latest?.(target) ?? target);
  }

  /** Whether only the process stats can say how the instance is reached. */
  #needsPorts(instance: Instance, target: Target, wants: readonly WantedPort[]): boolean {
    const { via, hasCellCertificate, router } = this.#options;
    if (target.ports !== undefined || (via !== 'direct' && via !== 'auto')) return false;
    if (via === 'auto' && !hasCellCertificate) return false;
    if (wants.some(({ port }) => port !== undefined)) return true;
    return isPlaceless(instance.endpoint) && (via === 'direct' || !router);
  }

  #probe(instances: readonly Instance[]): Promise<unknown> | undefined {
    const { via, router, knowsProcesses, probe } = this.#options;
    if (!probe || !router || knowsProcesses !== undefined || !probe.isDue) return undefined;
    if (via !== 'auto' && via !== 'gorouter') return undefined;
    for (const instance of instances) {
      const known = knownOf(instance, this.#targetOf(instance));
      const route = known.routes.find((one) => !one.internal && !one.identityAware);
      if (route) return probe.ask(router, route, instance.app);
    }
    return undefined;
  }

  #target(attempt: Attempt, direct: ScrapeTarget): ScrapeTarget {
    const { via } = attempt;
    if (via === 'direct') {
      const { port } = attempt;
      return port
        ? { ...direct, via, tls: true, address: port.address, serverName: port.serverName }
        : { ...direct, via };
    }
    if (via === 'internal') {
      const { address, host, tls } = attempt;
      const serverName = tls ? host : '';
      return { ...direct, via, address, host, tls, serverName, trust: 'containers', http2: false };
    }
    const { route, pin } = attempt;
    const shared = { ...direct, pin, http2: false, routePath: route.path, host: route.host };
    const named = { ...shared, serverName: route.host };
    if (via === 'identity') {
      const address = this.#options.identityRouter?.address ?? `${route.host}:${HTTPS_PORT}`;
      return { ...named, via, address, tls: true, trust: 'identity' };
    }
    const { tls, address } = this.#options.router!; // the planner gives the way only with a router
    return { ...named, via, address, tls, trust: 'system' };
  }
}

/** What the pages of an instance want. */
export type Wants = (instance: Instance) => readonly WantedPort[];

/** Failures without a connection that carries a request. */
const UNREACHED: ReadonlySet<Failure> = new Set<Failure>([
  ...(['refused', 'unreachable', 'tls-client', 'tls'] as const),
]);
/** Failures that say nothing of the way. */
const UNTOLD: ReadonlySet<Failure> = new Set<Failure>([
  ...(['aborted', 'over-budget', 'no-descriptors', 'timeout', 'moved', 'ambiguous'] as const),
  ...(['tls-identity', 'truncated', 'not-http', 'route-policy'] as const),
]);

/** Whether no request got through: another way to the same instance says more. */
export function isUnreached(failure: Failure): boolean {
  return UNREACHED.has(failure);
}

/**
 * What one attempt tells of: a cell's neighbours, a router, or an app with its network policy. Each space
 * learns by itself, since its apps may refuse connections as they like.
 */
export function networkOf({ via, address, space }: ScrapeTarget): string {
  if (via !== 'direct') return `${via} ${address.replace(/^\d+\./, '')} ${space}`;
  const [, network] = /^(\d+\.\d+\.\d+)\.\d+:\d+$/.exec(address) ?? [];
  return `${via} ${network ?? address} ${space}`;
}

/** Resolves when `task` does, or after a time. Never rejects. */
function within(task: Promise<unknown>, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const over = (): void => {
      clearTimeout(timer);
      resolve(undefined);
    };
    task.then(over, over);
  });
}
