/**
 * What the last scrapes of each app found, for the status page.
 *
 * Only apps that were scraped take memory, and they give it back when they leave the route table. The
 * memory has a bound: past it, further instances have no history, and are counted as refused.
 */
import type { Instance } from '../../discover/instance.ts';
import { FAILURES, type Failure } from '../../fetch/failure.ts';
import type { Outcome } from '../outcome.ts';
import { type Readings, Rings, slotOf, UP } from './rings.ts';

export interface HistoryOptions {
  /** Bound on the memory of last results, about. */
  readonly maxResultBytes: number;
  /** Bound on the memory of the rings behind the charts. */
  readonly maxRingBytes: number;
}

/** The last result of an instance. */
export interface Result {
  /** Seconds since 1970. */
  readonly atSeconds: number;
  readonly failure: Failure | undefined;
  /** The HTTP status of a failed answer, if it had one. */
  readonly status: number | undefined;
  /** What is wrong with the page, in words of the stage that found it; shortened. */
  readonly detail: string | undefined;
  /** What to do, if the way to the instance tells it. */
  readonly advice?: string | undefined;
  /** The path that failed, or the first that was asked; shortened. */
  readonly path: string;
  readonly durationSeconds: number;
  readonly samples: number;
  readonly bytes: number;
}

interface Kept {
  result: Result;
  readonly ring: number | undefined;
}

interface AppHistory {
  readonly instances: Map<string, Kept>;
  down: number;
  /** The slot in which instances that are gone were dropped last. */
  prunedSlot: number;
}

/** What a result takes beside its texts, about. */
const RESULT_BYTES = 256;
const MAX_TEXT_LENGTH = 200;
/** A command with four names of the platform. */
const MAX_ADVICE_LENGTH = 600;

const NONE: Readings = [];

/** Names an instance within its app. */
function instanceKey({ processInstanceId, endpoint }: Instance): string {
  return processInstanceId || endpoint.address;
}

export class ScrapeHistory {
  readonly #maxResultBytes: number;
  readonly #rings: Rings;
  readonly #apps = new Map<string, AppHistory>();
  #resultBytes = 0;
  #refused = 0;

  constructor({ maxResultBytes, maxRingBytes }: HistoryOptions) {
    this.#maxResultBytes = maxResultBytes;
    this.#rings = new Rings(maxRingBytes);
  }

  /** The memory of results and rings, about. */
  get bytes(): number {
    return this.#resultBytes + this.#rings.bytes;
  }

  /** How many results were not kept, since the memory is in use. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Notes the outcomes of a scrape of one app.
   *
   * @param running - all instances of the app in the route table: what is known of others is dropped
   */
  record(
    appId: string,
    outcomes: readonly Outcome[],
    running: readonly Instance[],
    atSeconds: number,
  ): void {
    const results = resultsOf(outcomes, atSeconds);
    if (results.size === 0) return;
    const slot = slotOf(atSeconds);
    const app = this.#apps.get(appId) ?? { instances: new Map(), down: 0, prunedSlot: 0 };
    this.#apps.set(appId, app);
    if (app.prunedSlot !== slot) {
      app.prunedSlot = slot;
      const there = new Set(running.map(instanceKey));
      for (const [key, kept] of app.instances) if (!there.has(key)) this.#drop(app, key, kept);
    }
    for (const [key, result] of results) this.#note(app, key, result, slot);
    if (app.instances.size === 0) this.#apps.delete(appId);
  }

  /** Drops what is known of an app. */
  forget(appId: string): void {
    const app = this.#apps.get(appId);
    if (!app) return;
    for (const [key, kept] of app.instances) this.#drop(app, key, kept);
    this.#apps.delete(appId);
  }

  /** How many instances failed when last asked; undefined if no instance was asked yet. */
  downOf(appId: string): number | undefined {
    return this.#apps.get(appId)?.down;
  }

  /** The last result of an instance; undefined if it was not asked yet. */
  resultOf(appId: string, instance: Instance): Result | undefined {
    return this.#apps.get(appId)?.instances.get(instanceKey(instance))?.result;
  }

  /** The slots up to now; empty if the instance has no ring. */
  readingsOf(appId: string, instance: Instance, nowSeconds: number): Readings {
    const ring = this.#apps.get(appId)?.instances.get(instanceKey(instance))?.ring;
    return ring === undefined ? NONE : this.#rings.read(ring, slotOf(nowSeconds));
  }

  #note(app: AppHistory, key: string, result: Result, slot: number): void {
    const known = app.instances.get(key);
    const grownBytes = bytesOf(result) - (known ? bytesOf(known.result) : 0);
    if (grownBytes > 0 && this.#resultBytes + grownBytes > this.#maxResultBytes) {
      this.#refused += 1;
      if (known) this.#drop(app, key, known);
      return;
    }
    const kept = known ?? this.#open(app, key, result);
    app.down += Number(result.failure !== undefined) - Number(kept.result.failure !== undefined);
    this.#resultBytes += grownBytes;
    kept.result = result;
    if (kept.ring === undefined) return;
    const { durationSeconds, samples, failure } = result;
    const code = failure === undefined ? UP : UP + 1 + FAILURES.indexOf(failure);
    this.#rings.write(kept.ring, slot, { durationSeconds, samples, code });
  }

  #open(app: AppHistory, key: string, result: Result): Kept {
    const kept: Kept = { result, ring: this.#rings.allocate() };
    app.instances.set(key, kept);
    if (result.failure !== undefined) app.down += 1;
    return kept;
  }

  #drop(app: AppHistory, key: string, { result, ring }: Kept): void {
    if (!app.instances.delete(key)) return;
    this.#resultBytes -= bytesOf(result);
    if (result.failure !== undefined) app.down -= 1;
    if (ring !== undefined) this.#rings.free(ring);
  }
}

function bytesOf({ path, detail = '', advice = '' }: Result): number {
  return RESULT_BYTES + 2 * (path.length + detail.length + advice.length);
}

/** The failure that a code of a ring stands for; undefined for `UP`. */
export function failureOf(code: number): Failure | undefined {
  return FAILURES[code - UP - 1];
}

/** The result of each instance over all of its pages. What a reader broke off says nothing. */
function resultsOf(outcomes: readonly Outcome[], atSeconds: number): Map<string, Result> {
  const results = new Map<string, Result>();
  for (const outcome of outcomes) {
    const { instance, failure } = outcome;
    if (!instance || failure === 'aborted') continue;
    const key = instanceKey(instance);
    const before = results.get(key);
    const said = before?.failure === undefined ? outcome : before;
    results.set(key, {
      atSeconds,
      failure: said.failure,
      status: said.status,
      detail: said.failure === undefined ? undefined : shortened(said.detail),
      ...(said.advice !== undefined && { advice: shortened(said.advice, MAX_ADVICE_LENGTH) }),
      path: shortened(said.path) ?? '',
      durationSeconds: Math.max(before?.durationSeconds ?? 0, outcome.durationSeconds),
      samples: (before?.samples ?? 0) + outcome.samples,
      bytes: (before?.bytes ?? 0) + outcome.bytes,
    });
  }
  return results;
}

function shortened(text: string | undefined, most = MAX_TEXT_LENGTH): string | undefined {
  if (text === undefined || text.length <= most) return text;
  return `${text.slice(0, most - 1)}…`;
}
