/**
 * Reads routes from a file in the form of gorouter's `/routes`, again whenever the file changes.
 *
 * The source polls the path instead of watching the file, and so notices a file that is replaced,
 * linked elsewhere or mounted again. A damaged or half-written file leaves the last good listing in
 * the table.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Clock, systemClock } from '../clock.ts';
import { collectListing, type Listing, MAX_LISTING_BYTES } from './listing.ts';
import { startPolling } from './polling.ts';
import type { RouteTable } from './route-table.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import { SourceError } from './source-error.ts';

export interface FileOptions {
  readonly path: string;
  /** Default 256 MiB. */
  readonly maxBodyBytes?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Pause between two looks at the file. Default 1 s. */
  readonly intervalMs?: number | undefined;
}

/** A file changed so recently may change again without a new mtime, so every poll reads it. */
const FRESH_MS = 2000;

/** Starts polling the file; the first poll begins at once. */
export function startFile(
  options: FileOptions,
  table: RouteTable,
  observers: SourceObservers = {},
): RouteSource {
  const {
    path,
    intervalMs = 1000,
    maxBodyBytes = MAX_LISTING_BYTES,
    clock = systemClock,
  } = options;
  let seen: FileVersion | undefined;
  return startPolling({
    name: `file ${path}`,
    async read(signal) {
      const before = seen;
      seen = undefined; // after a failure the next poll reads the file, even if it is unchanged
      const version = await versionOf(path);
      const listing =
        version.id === before?.id && !before.fresh
          ? undefined
          : await readFile(path, maxBodyBytes, signal);
      seen = version;
      return listing;
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

async function readFile(path: string, maxBytes: number, signal: AbortSignal): Promise<Listing> {
  try {
    return await collectListing(createReadStream(path, { signal }), maxBytes);
  } catch (cause) {
    if (cause instanceof SourceError) throw cause;
    throw unreadable(path, cause);
  }
}

/** The error for a file that cannot be read, with the system's reason. */
function unreadable(path: string, cause: unknown): SourceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SourceError('unreachable', `cannot read ${path}: ${why}`, { cause });
}
