/**
 * Servers that files name: JSON or YAML, as in Prometheus' file_sd_configs.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DiscoveredServer } from '../groups/settings.ts';
import type { Discovery } from './discovery.ts';
import { serversOf } from './server-list.ts';

/** Files are cheap to read, so a change is seen soon, whatever the configuration says. */
const MAX_REFRESH_MS = 5_000;
const MAX_FILES = 1_000;

export interface FileDiscoveryOptions {
  /** The last part may hold `*`. */
  readonly files: readonly string[];
  readonly refreshMs: number;
  /** Reads YAML, and so JSON. @throws if the text is none */
  readonly parseYaml: (text: string) => Promise<unknown>;
}

export function fileDiscovery({ files, refreshMs, parseYaml }: FileDiscoveryOptions): Discovery {
  /** What a file said last: a half-written one does not take its servers away. */
  const known = new Map<string, readonly DiscoveredServer[]>();
  const read = async (file: string): Promise<void> => {
    const text = await readFile(file, 'utf8');
    try {
      known.set(file, serversOf(await parseYaml(text), { __meta_filepath: file }));
    } catch (cause) {
      if (known.has(file)) return;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${file}: ${reason}`, { cause });
    }
  };
  return {
    name: `file_sd_configs ${files.join(', ')}`,
    refreshMs: Math.min(refreshMs, MAX_REFRESH_MS),
    find: async () => {
      const names = (await Promise.all(files.map(expand))).flat().slice(0, MAX_FILES);
      for (const gone of [...known.keys()].filter((file) => !names.includes(file))) {
        known.delete(gone);
      }
      for (const name of names) await read(name);
      return names.flatMap((name) => known.get(name) ?? []);
    },
  };
}

/** The files that a path with `*` stands for. */
async function expand(pattern: string): Promise<readonly string[]> {
  const { dir, base } = path.parse(pattern);
  if (!base.includes('*')) return [pattern];
  const parts = base.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  const matches = new RegExp(`^${parts.join('[^/]*')}$`);
  const names = await readdir(dir === '' ? '.' : dir);
  return names
    .filter((name) => matches.test(name))
    .sort()
    .map((name) => path.join(dir, name));
}
