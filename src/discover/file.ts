/**
 * Reads routes from a file in the form of gorouter's `/routes`, again whenever it changes.
 *
 * The file is looked at by its path and not watched, so that one that is replaced, linked
 * elsewhere or mounted anew is noticed as well. A page that is bad, or half written, keeps the
 * last good one listed.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Clock, systemClock } from '../clock.ts';
import { collectPage, MAX_PAGE_BYTES, type Page } from './page.ts';
import { startPolling } from './polling.ts';
import type { RouteTable } from './route-table.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import { SourceError } from './source-error.ts';

export interface FileOptions {
  readonly path: string;
  /** Standard 256 MiB. */
  readonly maxBodyBytes?: number | undefined;
  readonly clock?: Clock | undefined;
  /** How often the file is looked at. Standard 1 s. */
  readonly intervalMs?: number | undefined;
}

/** The times of a file as new as this may not show that it was written to once more. */
const FRESH_MS = 2000;

/** Starts reading; the file is read at once. */
export function startFile(
  options: FileOptions,
  table: RouteTable,
  observers: SourceObservers = {},
): RouteSource {
  const { path, intervalMs = 1000, maxBodyBytes = MAX_PAGE_BYTES, clock = systemClock } = options;
  let seen: FileVersion | undefined;
  return startPolling({
    name: `file ${path}`,
    async read(signal) {
      const before = seen;
      seen = undefined; // a file that was away is read again, whatever its times say
      const version = await versionOf(path);
      const page =
        version.id === before?.id && !before.fresh
          ? undefined
          : await readFile(path, maxBodyBytes, signal);
      seen = version;
      return page;
    },
    pauseMs: () => intervalMs,
    clock,
    table,
    observers,
  });
}

interface FileVersion {
  readonly id: string;
  readonly fresh: boolean;
}

async function versionOf(path: string): Promise<FileVersion> {
  const { dev, ino, size, mtimeNs, ctimeNs, mtimeMs } = await stat(path, { bigint: true }).catch(
    (cause: unknown) => {
      throw unreadable(path, cause);
    },
  );
  const fresh = Date.now() - Number(mtimeMs) < FRESH_MS;
  return { id: [dev, ino, size, mtimeNs, ctimeNs].join(), fresh };
}

async function readFile(path: string, maxBytes: number, signal: AbortSignal): Promise<Page> {
  try {
    return await collectPage(createReadStream(path, { signal }), maxBytes);
  } catch (cause) {
    if (cause instanceof SourceError) throw cause;
    throw unreadable(path, cause);
  }
}

/** Says why, as the system says it. */
function unreadable(path: string, cause: unknown): SourceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SourceError('unreachable', `cannot read ${path}: ${why}`, { cause });
}
