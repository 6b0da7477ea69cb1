/**
 * Collects garbage after a peak, so that the process returns memory to the system.
 *
 * V8 collects only when it allocates, so an idle program keeps the memory of its peak. Measured
 * after a route table of 80 MB was dropped: 919 MB without this file, 240 MB with it.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Clock, every, systemClock } from '../clock.ts';

const CHECK_EVERY_MS = 5_000;
/** A collection needs more memory than this multiple of the memory after the last one. */
const TOLERATED = 1.3;
/** A growth by more than this factor between two checks means that a peak is under way. */
const GROWTH = 1.05;
/** A collection also needs this many bytes more than after the last one. */
const LEAST_BYTES = 33_554_432;
/** A collection stops the program, so the pause after it is this many times as long, … */
const PAUSE_FACTOR = 1000;
/** … but never longer than this: memory must be back within a minute of a peak. */
const MAX_PAUSE_MS = 15_000;
/**
 * While the program works, V8 collects by itself, and a collection that is forced in addition makes it
 * throw away compiled code: then one is forced as rarely as this. `npm run bench -- --only pages
 * --case one-2k-16`: 0.40 instead of 0.47 ms of CPU for each request.
 */
const BUSY_PAUSE_MS = 300_000;
/** The part of the time since the last look in which a busy program has work. */
const BUSY = 0.1;
/** The first collection may find the peak still in use; what this many collections leave is needed. */
const TRIES = 3;
/** A route table that shrank to less than this part of its size left garbage that nothing else shows. */
const SHRUNK = 0.7;

export interface IdleMemoryOptions {
  readonly signal: AbortSignal;
  /** The bytes of memory in use, including garbage. */
  readonly heldBytes?: () => number;
  readonly collect?: () => void;
  /** The part of the time since the last call in which the program had work. */
  readonly utilization?: () => number;
  /** How many endpoints the route table has. */
  readonly endpoints?: () => number;
  /** A look failed; the next one follows. */
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock;
}

/**
 * Collects whenever memory is far above the level after the last collection and no longer grows, and
 * when the route table has shrunk.
 *
 * @returns when `signal` has aborted
 */
export async function watchMemory({
  signal,
  heldBytes = heapBytes,
  collect = collector(),
  utilization = loopUtilization(),
  endpoints = () => 0,
  onError,
  clock = systemClock,
}: IdleMemoryOptions): Promise<void> {
  let settledBytes = heldBytes();
  let beforeBytes = settledBytes;
  let notBeforeMs = 0;
  let notBusyBeforeMs = 0;
  let tries = 0;
  let mostEndpoints = endpoints();
  const look = (): void => {
    const bytes = heldBytes();
    const grows = bytes > beforeBytes * GROWTH;
    beforeBytes = bytes;
    const tooMuch = bytes > settledBytes * TOLERATED && bytes > settledBytes + LEAST_BYTES;
    mostEndpoints = Math.max(mostEndpoints, endpoints());
    const shrank = endpoints() < mostEndpoints * SHRUNK;
    const startedMs = clock.nowMs();
    const isBusy = utilization() > BUSY;
    const soonestMs = isBusy && !shrank ? notBusyBeforeMs : notBeforeMs;
    if (!(tooMuch || shrank) || grows || startedMs < soonestMs) return;
    collect();
    mostEndpoints = endpoints();
    const endedMs = clock.nowMs();
    notBeforeMs = endedMs + Math.min((endedMs - startedMs) * PAUSE_FACTOR, MAX_PAUSE_MS);
    notBusyBeforeMs = endedMs + BUSY_PAUSE_MS;
    beforeBytes = heldBytes();
    tries += 1;
    if (!shrank && beforeBytes > settledBytes * TOLERATED && tries < TRIES) return;
    settledBytes = beforeBytes;
    tries = 0;
  };
  await every(CHECK_EVERY_MS, look, { signal, onError, clock, firstAfterMs: CHECK_EVERY_MS });
}

function loopUtilization(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

function heapBytes(): number {
  const { total_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof collect === 'function' ? () => void collect() : () => undefined;
}
