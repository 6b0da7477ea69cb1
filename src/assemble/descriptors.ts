/**
 * Divides the file descriptors of the process between instances and readers.
 *
 * Without this division the connections to instances would take all descriptors, and the kernel
 * would drop readers without a log line. Node raises its soft limit to the hard limit at its start.
 */
import { readFileSync } from 'node:fs';

/** Descriptors for everything else: files, databases, route sources, Node itself. */
const RESERVED = 64;

export interface Demand {
  /** `scrape.concurrency` */
  readonly concurrency: number;
  /** `listen.max_connections` */
  readonly maxConnections: number;
}

export interface DescriptorPlan extends Demand {
  /** Bound on open connections to instances, idle ones included. */
  readonly maxOpen: number;
  /** A warning for the operator if the limit is too low for the configuration. */
  readonly warning: string | undefined;
}

/** Divides `limit` descriptors; if they are too few, instances and readers get about half each. */
export function planDescriptors(limit: number, demand: Demand): DescriptorPlan {
  const { concurrency, maxConnections } = demand;
  const needed = concurrency + maxConnections + RESERVED;
  if (limit >= needed) {
    return { ...demand, maxOpen: limit - maxConnections - RESERVED, warning: undefined };
  }
  const free = Math.max(2, limit - RESERVED);
  const readers = Math.min(maxConnections, Math.max(free >> 1, free - concurrency));
  const maxOpen = free - readers;
  const most = Math.min(concurrency, maxOpen);
  const needs = `scrape.concurrency ${concurrency} and listen.max_connections ${maxConnections} need ${needed}`;
  const does = `at most ${most} instances are asked at once and ${readers} connections accepted`;
  return {
    concurrency: most,
    maxConnections: readers,
    maxOpen,
    warning: `the limit of open files is ${limit}, but ${needs}: ${does}; raise the limit (ulimit -n, LimitNOFILE) or lower these keys`,
  };
}

/** Idle connections to endpoints of readers, where there are descriptors for them. */
const IDLE_TO_ENDPOINTS = 1_024;

/**
 * How many connections to endpoints of `?endpoint=` may be open: what instances and readers do not
 * need, and an eighth of all if that is too little. The rest is for `planDescriptors`.
 *
 * @param concurrency - `endpoints.concurrency`; 0 if no endpoint is allowed
 */
export function endpointDescriptors(limit: number, demand: Demand, concurrency: number): number {
  if (concurrency === 0) return 0;
  const spare = limit - demand.concurrency - demand.maxConnections - RESERVED;
  const least = Math.max(1, Math.min(concurrency, Math.floor((limit - RESERVED) / 8)));
  return Math.min(concurrency + IDLE_TO_ENDPOINTS, Math.max(spare, least));
}

/** The limit of open files; infinite if the system does not report one. */
export function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY; // not Linux
  }
}
