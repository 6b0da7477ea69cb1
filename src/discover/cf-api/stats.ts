/**
 * The stats of processes: the ports, cells and guids of instances.
 *
 * They cost one request for each process, so promgate asks only when a scrape needs them, keeps the
 * answer, and asks again when an instance was replaced.
 */
import { isObject } from '../../../broker/json.ts';
import type { Clock } from '../../clock.ts';
import type { Listing } from '../listing.ts';
import { SourceError } from '../source-error.ts';
import type { TargetPort, TargetState } from '../target.ts';
import type { Budget } from './budget.ts';
import type { CfClient } from './client.ts';
import { CfApiError, parseObject } from './error.ts';
import { textOf } from './got.ts';
import { guidOf, portOf, stateOf } from './records.ts';

interface InstanceStats {
  readonly index: number;
  readonly state: TargetState;
  readonly instanceId: string;
  readonly cell: string;
  readonly containerIp: string;
  readonly isolationSegment: string;
  readonly ports: readonly TargetPort[];
}

/** The stats of a process, by index. */
export type ProcessStats = ReadonlyMap<number, InstanceStats>;

export interface StatsOptions {
  readonly client: CfClient;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called with each answer; awaited before whoever asked is told. */
  readonly onStats: (processId: string) => Promise<void>;
  readonly onFailure: (error: SourceError) => void;
}

const MAX_BYTES = 16 * 1024 * 1024;
/** Instances move without a word if the API embeds no states: then stats are old after this time. */
const FRESH_MS = 600_000;
/** A process whose stats could not be read is not asked about again at once. */
const PAUSE_MS = 60_000;
/** Bound on the processes that wait for a request. */
const MAX_WAITING = 10_000;
const MAX_INSTANCES = 10_000;
const MAX_PORTS = 64;

interface Known {
  readonly stats: ProcessStats | undefined;
  readonly untilMs: number;
}

export class Stats {
  readonly #options: StatsOptions;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<void>>();

  constructor(options: StatsOptions) {
    this.#options = options;
  }

  /** The last known stats of a process; undefined if none are known. */
  of(processId: string): ProcessStats | undefined {
    return this.#known.get(processId)?.stats;
  }

  /** How many processes wait for their stats. */
  get waiting(): number {
    return this.#asked.size;
  }

  /** Asks for the stats of a process, unless fresh ones are known. Never rejects. */
  want(processId: string): Promise<void> {
    const asked = this.#asked.get(processId);
    if (asked) return asked;
    const nowMs = this.#options.clock.nowMs();
    const known = this.#known.get(processId);
    if ((known && nowMs < known.untilMs) || this.#asked.size >= MAX_WAITING) {
      return Promise.resolve();
    }
    const asking = this.#ask(processId).finally(() => this.#asked.delete(processId));
    this.#asked.set(processId, asking);
    return asking;
  }

  /** An instance of the process was replaced: its stats are asked for again when they are wanted. */
  forget(processId: string): void {
    this.#known.delete(processId);
  }

  async #ask(processId: string): Promise<void> {
    const { client, budget, clock, signal, onStats, onFailure } = this.#options;
    // Waits here and not in the client, where it would stand in the way of sweeps.
    for (let waitMs = budget.waitMs('stats'); waitMs > 0; waitMs = budget.waitMs('stats')) {
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
    }
    const path = `/v3/processes/${processId}/stats`;
    try {
      const question = { kind: 'stats', path, maxBytes: MAX_BYTES } as const;
      const stats = readStats(await client.get(question, 'stats', signal));
      this.#known.set(processId, { stats, untilMs: clock.nowMs() + FRESH_MS });
      await onStats(processId);
    } catch (error) {
      if (signal.aborted) return;
      const isGone = error instanceof CfApiError && error.status === 404;
      this.#known.set(processId, { stats: undefined, untilMs: clock.nowMs() + PAUSE_MS });
      if (!isGone) onFailure(error instanceof SourceError ? error : internal(error));
    }
  }

  /** Forgets the processes that are gone. */
  keepOnly(exists: (processId: string) => boolean): void {
    for (const processId of this.#known.keys()) {
      if (!exists(processId)) this.#known.delete(processId);
    }
  }
}

function internal(cause: unknown): SourceError {
  return new SourceError('internal', `stats could not be read: ${String(cause)}`, { cause });
}

/** @throws {SourceError} 'shape' when the answer has no list */
function readStats(blocks: Listing['blocks']): ProcessStats {
  const { resources } = parseObject(textOf({ blocks }, MAX_BYTES));
  if (!Array.isArray(resources)) throw new SourceError('shape', 'process stats without a list');
  const stats = new Map<number, InstanceStats>();
  for (const json of (resources as readonly unknown[]).slice(0, MAX_INSTANCES)) {
    const one = readInstance(json);
    if (one) stats.set(one.index, one);
  }
  return stats;
}

function readInstance(json: unknown): InstanceStats | undefined {
  if (!isObject(json)) return undefined;
  const { index, host, instance_internal_ip: ip, instance_ports: ports } = json;
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0) return undefined;
  if (index >= MAX_INSTANCES) return undefined;
  const list = Array.isArray(ports) ? (ports as readonly unknown[]).slice(0, MAX_PORTS) : [];
  return {
    ...{ index, state: stateOf(json['state']) },
    instanceId: guidOf(json['instance_guid']) ?? '',
    cell: hostOf(host),
    containerIp: hostOf(ip),
    isolationSegment: shortText(json['isolation_segment']),
    ports: list.flatMap(readPort),
  };
}

function readPort(json: unknown): TargetPort[] {
  if (!isObject(json)) return [];
  const appPort = portOf(json['internal']);
  if (appPort === undefined) return [];
  const [external, externalTls, internalTls] = [
    ...['external', 'external_tls_proxy_port', 'internal_tls_proxy_port'],
  ].map((key) => portOf(json[key]));
  return [{ appPort, external, externalTls, internalTls }];
}

function hostOf(value: unknown): string {
  return typeof value === 'string' && /^[0-9A-Za-z.:_-]{1,253}$/.test(value) ? value : '';
}

function shortText(value: unknown): string {
  return typeof value === 'string' && value.length <= 255 ? value : '';
}
