/**
 * The system's hosts file, which comes before the name servers, as it does for other programs.
 *
 * @see hosts(5)
 */
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';

/** @returns the addresses of a name; empty if the file does not hold it */
export type HostsFile = (name: string) => Promise<readonly string[]>;

/** The file is looked at again after this time. */
const LOOK_MS = 5_000;
/** A larger file is left to the system's own look-ups. */
const MAX_BYTES = 1_048_576;

export function hostsFile(path = '/etc/hosts'): HostsFile {
  let hosts: ReadonlyMap<string, readonly string[]> = new Map();
  let changedMs = Number.NaN;
  let lookedMs = Number.NEGATIVE_INFINITY;
  return async (name) => {
    if (performance.now() - lookedMs > LOOK_MS) {
      lookedMs = performance.now();
      try {
        const { mtimeMs, size } = await stat(path);
        if (mtimeMs !== changedMs) {
          hosts = size > MAX_BYTES ? new Map() : readHosts(await readFile(path, 'utf8'));
        }
        changedMs = mtimeMs;
      } catch {
        hosts = new Map(); // without the file, the name servers know
        changedMs = Number.NaN;
      }
    }
    return hosts.get(name.replace(/\.$/, '').toLowerCase()) ?? [];
  };
}

function readHosts(text: string): Map<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const known = hosts.get(name.toLowerCase());
      if (known) known.push(address);
      else hosts.set(name.toLowerCase(), [address]);
    }
  }
  return hosts;
}
