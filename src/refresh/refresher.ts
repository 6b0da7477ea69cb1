/**
 * Refreshes cached answers shortly before their readers are expected again.
 *
 * An answer that was read twice is refreshed, until nobody has read it for `idleMs`, whether its
 * loads succeed or fail. Refreshes of one host follow each other, and a bounded number runs at once.
 */
import pLimit, { type LimitFunction } from 'p-limit';
import type { Timers } from '../clock.ts';
import { ReadTimes } from './read-times.ts';

export interface RefresherOptions {
  readonly timers: Timers;
  /** `cache.min_interval`: the shortest time from the start of a refresh to the next. */
  readonly minIntervalMs: number;
  /** `cache.refresh`: the pause after each refresh, instead of a look at when readers come. */
  readonly fixedPauseMs?: number | undefined;
  /** `cache.idle` */
  readonly idleMs: number;
  /** `cache.max_jobs` */
  readonly maxJobs: number;
  /** So that one tenant cannot take all of them. Default: no bound of its own. */
  readonly maxJobsOfHost?: number | undefined;
  /** `cache.concurrency` */
  readonly concurrency: number;
  /** Called after each refresh. Must not throw. */
  readonly onRefresh?: ((refresh: Refresh) => void) | undefined;
  /** A refresh threw, which is a mistake of ours. Must not throw. */
  readonly onError: (error: unknown) => void;
}

interface Refresh {
  /** How long after its time the refresh began. */
  readonly lagMs: number;
  readonly tookMs: number;
}

/** What a refresh needs to know of an answer. */
export interface Refreshable {
  /** Refreshes of one host follow each other. Always the same for a key. */
  readonly host: string;
  /** How long the answer is fresh: a refresh for a read begins no earlier than that before it. */
  readonly ttlMs?: number | undefined;
  /** @returns false if the answer is not to be refreshed any more */
  refresh(signal: AbortSignal): Promise<boolean>;
}

interface Job {
  readonly key: string;
  readonly reads: ReadTimes;
  of: Refreshable;
  /** Durations of the last refreshes. */
  readonly tookMs: number[];
  startedMs: number;
  endedMs: number;
  /** The expected read that the last refresh was for. */
  readMs: number;
  isRunning: boolean;
  cancel: () => void;
}

interface Due {
  readonly atMs: number;
  readonly readMs: number;
}

/** The share of a period by which refreshes of different keys lie apart. */
const JITTER = 0.05;
/**
 * Bound on the jitter, and on the time for the refresh, as a share of the time that the answer is
 * fresh: it must be fresh when it is read, also after one refresh that took long.
 */
const MOST_OF_TTL = 0.5;
const DURATIONS = 20;

export class Refresher implements AsyncDisposable {
  readonly #options: RefresherOptions;
  readonly #jobs = new Map<string, Job>();
  /** Host -> how many jobs it has. */
  readonly #counts = new Map<string, number>();
  readonly #limit: LimitFunction;
  /** Host -> its refreshes, which follow each other. */
  readonly #hosts = new Map<string, LimitFunction>();
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: RefresherOptions) {
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
  }

  /** How many answers are watched or refreshed. */
  get jobs(): number {
    return this.#jobs.size;
  }

  /**
   * Notes a read, and plans the next refresh.
   *
   * @param reader - tells readers apart
   * @returns false if there are too many jobs to watch one more
   */
  read(key: string, reader: string, of: Refreshable): boolean {
    const { timers, maxJobs, maxJobsOfHost = maxJobs } = this.#options;
    if (this.#stop.signal.aborted) return false;
    let job = this.#jobs.get(key);
    if (!job) {
      const ofHost = this.#counts.get(of.host) ?? 0;
      if (this.#jobs.size >= maxJobs || ofHost >= maxJobsOfHost) return false;
      this.#counts.set(of.host, ofHost + 1);
      const nowMs = timers.nowMs();
      const reads = new ReadTimes();
      const times = { startedMs: nowMs, endedMs: nowMs, readMs: nowMs };
      job = { key, reads, of, tookMs: [], ...times, isRunning: false, cancel: () => {} };
      this.#jobs.set(key, job);
    }
    job.of = of;
    job.reads.note(reader, timers.nowMs());
    if (!job.isRunning) this.#plan(job);
    return true;
  }

  /** Forgets an answer; a refresh of it that runs goes on. */
  forget(key: string): void {
    const job = this.#jobs.get(key);
    if (!job) return;
    job.cancel();
    this.#jobs.delete(key);
    const { host } = job.of;
    const left = this.#counts.get(host)! - 1; // counted when the job began
    if (left > 0) this.#counts.set(host, left);
    else this.#counts.delete(host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const key of [...this.#jobs.keys()]) this.forget(key);
    await Promise.all(this.#running);
  }

  /** Sets the timer for the next refresh, or for the end of the job. */
  #plan(job: Job): void {
    const { timers, idleMs } = this.#options;
    job.cancel();
    const nowMs = timers.nowMs();
    const endMs = job.reads.lastMs + idleMs;
    const due = this.#due(job, nowMs);
    if (endMs <= nowMs) this.forget(job.key);
    else if (due === undefined || due.atMs >= endMs) {
      job.cancel = timers.after(endMs - nowMs, () => this.#plan(job));
    } else {
      job.cancel = timers.after(due.atMs - nowMs, () => this.#start(job, due));
    }
  }

  /** When to refresh, and for which read: before it by what a refresh takes, and a jitter. */
  #due({ key, reads, of, tookMs, ...job }: Job, nowMs: number): Due | undefined {
    const { minIntervalMs, fixedPauseMs, idleMs } = this.#options;
    const earliestMs = job.startedMs + minIntervalMs;
    if (fixedPauseMs !== undefined) {
      const atMs = Math.max(earliestMs, job.endedMs + fixedPauseMs);
      return { atMs, readMs: atMs };
    }
    const mostMs = MOST_OF_TTL * (of.ttlMs ?? Number.POSITIVE_INFINITY);
    const lead = Math.min(percentile95(tookMs), mostMs);
    // One refresh for each read: the jitter may be longer than the shortest interval.
    const fromMs = Math.max(Math.max(earliestMs, nowMs) + lead, job.readMs + 1);
    const next = reads.nextMs(fromMs, nowMs - idleMs);
    if (next === undefined) return undefined;
    const spreadMs = Math.min(JITTER * next.periodMs, mostMs);
    const atMs = next.atMs - lead - fraction(key) * spreadMs;
    return { atMs: Math.max(earliestMs, nowMs, atMs), readMs: next.atMs };
  }

  #start(job: Job, { atMs: dueMs, readMs }: Due): void {
    job.isRunning = true;
    job.readMs = readMs;
    const host = this.#hosts.get(job.of.host) ?? pLimit(1);
    this.#hosts.set(job.of.host, host);
    const running = host(() => this.#limit(() => this.#refresh(job, dueMs)))
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#options.onError(error); // else promgate stops
      })
      .finally(() => {
        this.#running.delete(running);
        if (host.activeCount + host.pendingCount === 0) this.#hosts.delete(job.of.host);
      });
    this.#running.add(running);
  }

  async #refresh(job: Job, dueMs: number): Promise<void> {
    const { timers, onRefresh } = this.#options;
    const { signal } = this.#stop;
    if (signal.aborted || this.#jobs.get(job.key) !== job) return;
    const startedMs = timers.nowMs();
    job.startedMs = startedMs;
    let goesOn = false;
    try {
      goesOn = await job.of.refresh(signal);
    } finally {
      job.isRunning = false;
      job.endedMs = timers.nowMs();
      const tookMs = job.endedMs - startedMs;
      job.tookMs.push(tookMs);
      if (job.tookMs.length > DURATIONS) job.tookMs.shift();
      if (this.#jobs.get(job.key) === job) {
        if (goesOn) this.#plan(job);
        else this.forget(job.key);
      }
      if (!signal.aborted) onRefresh?.({ lagMs: startedMs - dueMs, tookMs });
    }
  }
}

function percentile95(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1]!; // not empty
}

/** A number from 0 to 1 that differs between keys, and is always the same for one. */
function fraction(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b); // keys that differ in one character lie apart
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
