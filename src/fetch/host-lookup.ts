/**
 * Looks up the addresses of a name, within a deadline.
 *
 * `getaddrinfo` knows what the system knows (its hosts file, search domains), but it waits in one of
 * Node's few threads, and names whose servers never answer would take them all: one at a time may
 * use it here. The hosts file and, for names with a dot, the name servers come first, which takes no
 * thread.
 */
import { lookup as lookupBySystem, Resolver } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { type HostsFile, hostsFile } from './hosts-file.ts';

export interface LookupOptions {
  readonly deadlineMs: number;
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
  /** One of them aborts when the deadline is now. */
  readonly hurries: readonly AbortSignal[];
}

/**
 * Gives all addresses of a name, at least one, those of IPv4 first; never rejects.
 *
 * @returns `none` for a name without addresses, `late` if nobody waits any more
 */
export type Lookup = (
  name: string,
  options: LookupOptions,
) => Promise<readonly string[] | 'none' | 'late'>;

/** How long name servers have at most, whatever the deadline. */
const MAX_MS = 5_000;
const SERVER_TIMEOUT_MS = 2_000;
/** How long the addresses of the other family have, once those of one are known. */
const SECOND_MS = 250;
/** Look-ups that wait for their turn; further ones fail at once. */
const MAX_WAITING = 1_000;

export interface SystemLookupOptions {
  /** Knows names before the name servers do. Default: the system's file. */
  readonly inHosts?: HostsFile;
  /** `address` or `address:port`. Default: those of the system. */
  readonly servers?: readonly string[];
}

export function systemLookup({ inHosts = hostsFile(), servers }: SystemLookupOptions = {}): Lookup {
  const resolver = new Resolver({ timeout: SERVER_TIMEOUT_MS, tries: 2 });
  if (servers) resolver.setServers(servers);
  const bySystem = pLimit(1);
  const find = async (name: string): Promise<readonly string[]> => {
    const listed = await inHosts(name);
    if (listed.length > 0) return listed;
    if (name.replace(/\.$/, '').includes('.')) {
      const found = await askServers(resolver, name);
      if (found !== 'unknown') return found;
    }
    if (bySystem.pendingCount >= MAX_WAITING) return [];
    const found = await bySystem(() => lookupBySystem(name, { all: true, order: 'ipv4first' }));
    return found.map(({ address }) => address);
  };
  return (name, options) => within(find(name), options);
}

/** @returns `unknown` if the system may know better; no addresses if the servers do not answer */
async function askServers(
  resolver: Resolver,
  name: string,
): Promise<readonly string[] | 'unknown'> {
  const asked = [resolver.resolve4(name), resolver.resolve6(name)] as const;
  await Promise.any(asked).catch(() => undefined); // looked at below
  const answers = await Promise.allSettled(asked.map((one) => Promise.race([one, tooLate()])));
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (found.length > 0) return found;
  const isSilent = answers.every(
    (answer) => answer.status === 'rejected' && answer.reason?.code === 'ETIMEOUT',
  );
  return isSilent ? [] : 'unknown';
}

/** Rejects when the second answer has had its time after the first. */
async function tooLate(): Promise<never> {
  await delay(SECOND_MS, undefined, { ref: false });
  throw Object.assign(new Error('no answer'), { code: 'ETIMEOUT' });
}

/** Waits for the addresses until the deadline. */
export async function within(
  finding: Promise<readonly string[]>,
  { deadlineMs, signal, hurries }: LookupOptions,
): Promise<readonly string[] | 'none' | 'late'> {
  const { promise, resolve } = Promise.withResolvers<'none' | 'late'>();
  const late = (): void => resolve('late');
  const leftMs = deadlineMs - performance.now();
  const timer = setTimeout(
    () => resolve(leftMs > MAX_MS ? 'none' : 'late'),
    Math.max(0, Math.min(leftMs, MAX_MS)),
  );
  const signals = [signal, ...hurries];
  for (const one of signals) one.addEventListener('abort', late);
  if (signals.some(({ aborted }) => aborted)) late();
  const found = finding.then(
    (addresses) => (addresses.length > 0 ? addresses : 'none'),
    () => 'none' as const, // whatever the reason: there is no address
  );
  try {
    return await Promise.race([found, promise]);
  } finally {
    clearTimeout(timer);
    for (const one of signals) one.removeEventListener('abort', late);
  }
}
