/**
 * How many files and sockets the process may have open, and how they are divided.
 *
 * Without a plan the connections to instances take all descriptors, and readers are closed by the
 * kernel's queue without a word. Node raises its soft limit to the hard one at its start.
 */
import { readFileSync } from 'node:fs';

/** For what is neither a reader nor an instance: files, databases, route sources, Node itself. */
const RESERVED = 64;

export interface Demand {
  /** `scrape.concurrency` */
  readonly concurrency: number;
  /** `listen.max_connections` */
  readonly maxConnections: number;
}

export interface DescriptorPlan extends Demand {
  /** Connections to instances that may be open at once, idle ones too. */
  readonly maxOpen: number;
  /** What an operator should know: less is possible than the configuration says. */
  readonly warning: string | undefined;
}

/** Divides `limit` descriptors; where they are too few, instances and readers get half each. */
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

/** The limit of open files; infinite where the system does not tell. */
export function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY; // no Linux
  }
}
