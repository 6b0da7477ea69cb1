/**
 * Reads lists of the CF API into an inventory.
 *
 * An API that does not know `embed` is asked without it from then on, and a list whose pages were too
 * large begins with smaller ones the next time.
 */
import type { CfClient } from './client.ts';
import { isUnknownParameter } from './error.ts';
import type { Inventory } from './inventory.ts';
import { type ListResult, readList } from './list.ts';
import type { Chunk, ListKind } from './page.ts';
import type { ProcessRecord } from './records.ts';
import { wasReplaced } from './replaced.ts';

export interface ListsOptions {
  readonly client: CfClient;
  readonly inventory: Inventory;
  /** Bound on the apps of a list; processes and routes may be four times as many. */
  readonly maxApps: number;
  readonly maxPageBytes: number;
  readonly perPage?: number | undefined;
  readonly onRefused: (count: number) => void;
  /** The stats of a process are out of date. */
  readonly onReplaced: (processId: string) => void;
}

/** Takes the records of a list as they come. */
export type OnChunk = (chunk: Chunk) => void;

const EMBED = 'embed=process_instances';

export class Lists {
  readonly #options: ListsOptions;
  /** Resources in a page, where a page of the full size was too large. */
  readonly #perPage = new Map<ListKind, number>();
  /** Whether the API gives the states of instances with their processes. */
  #embedsStates = true;

  constructor(options: ListsOptions) {
    this.#options = options;
  }

  /** The path of a list of processes, with the states of the instances where the API gives them. */
  withStates(path: string): string {
    if (!this.#embedsStates) return path;
    return `${path}${path.includes('?') ? '&' : '?'}${EMBED}`;
  }

  /** @throws {SourceError} when the list cannot be read whole */
  async read(kind: ListKind, path: string, signal: AbortSignal, onChunk?: OnChunk) {
    try {
      return await this.#read(kind, path, signal, onChunk);
    } catch (error) {
      if (!path.endsWith(EMBED) || !isUnknownParameter(error)) throw error;
      this.#embedsStates = false;
      return this.#read(kind, path.slice(0, -EMBED.length - 1), signal, onChunk);
    }
  }

  async #read(
    kind: ListKind,
    path: string,
    signal: AbortSignal,
    onChunk?: OnChunk,
  ): Promise<ListResult> {
    const { client, maxApps, maxPageBytes, inventory, onRefused } = this.#options;
    const take = (chunk: Chunk): void => {
      if (chunk.kind === 'processes') this.#compare(chunk.records);
      inventory.take(chunk);
      onChunk?.(chunk);
    };
    const perPage = this.#perPage.get(kind) ?? this.#options.perPage;
    const maxResources = kind === 'apps' ? maxApps : maxApps * 4;
    const result = await readList(
      client,
      { kind, path, perPage, maxResources, maxPageBytes, purpose: 'sweep', take },
      signal,
    );
    this.#perPage.set(kind, result.perPage);
    if (result.refused > 0) onRefused(result.refused);
    return result;
  }

  /** Finds the processes of which an instance was replaced. */
  #compare(records: readonly ProcessRecord[]): void {
    const { inventory, onReplaced } = this.#options;
    for (const record of records) {
      const before = inventory.processes.get(record.guid);
      if (before && wasReplaced(before, record)) onReplaced(record.guid);
    }
  }
}
