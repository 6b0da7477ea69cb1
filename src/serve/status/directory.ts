/**
 * All apps of the route table in the order of their names, for lists and searches.
 *
 * The list is made anew when the table has changed, in slices, and so rarely that it takes at most a
 * twentieth of one core. Until it is there, readers get the list before: rows are looked up in the table
 * when they are answered, so that an old list shows no app that is gone.
 */
import { everyTurn, takeSteps } from '../../clock.ts';
import type { AppIdentity } from '../../discover/app-identity.ts';
import type { Instance } from '../../discover/instance.ts';
import { sortInTurns } from './sort-in-turns.ts';

export interface DirectoryTable {
  /** Changes whenever the table does. */
  readonly version: number;
  apps(): Iterable<readonly Instance[]>;
}

/** One app in one space. */
export interface ListedApp extends AppIdentity {
  /** Names and guid in lower case, which a search looks through. */
  readonly text: string;
}

export interface DirectoryOptions {
  readonly table: DirectoryTable;
  /** Called if a new list could not be made: readers get the list before. */
  readonly onFailure: (error: unknown) => void;
  /** A clock in milliseconds that only goes forward. */
  readonly now?: () => number;
}

const TURN_MS = 4;
const MIN_PAUSE_MS = 1_000;
const SHARE = 20;

export class AppDirectory {
  readonly #table: DirectoryTable;
  readonly #onFailure: (error: unknown) => void;
  readonly #now: () => number;
  #apps: readonly ListedApp[] | undefined;
  #version: number | undefined;
  #dueMs = Number.NEGATIVE_INFINITY;
  #building: Promise<void> | undefined;

  constructor({ table, onFailure, now = () => performance.now() }: DirectoryOptions) {
    this.#table = table;
    this.#onFailure = onFailure;
    this.#now = now;
  }

  /**
   * All apps, by organization, space and name.
   *
   * @throws what the table throws, if there is no earlier list
   */
  async apps(): Promise<readonly ListedApp[]> {
    const isOld = this.#version !== this.#table.version && this.#now() >= this.#dueMs;
    const before = this.#apps;
    if (isOld && !this.#building) {
      this.#building = this.#build();
      if (before) this.#building.catch(this.#onFailure); // no reader waits for it
    }
    if (before) return before;
    await this.#building;
    return this.#apps ?? [];
  }

  /** Resolves when no list is being made. */
  async settled(): Promise<void> {
    await this.#building?.catch(() => undefined); // `apps` has reported it
  }

  async #build(): Promise<void> {
    const startedMs = this.#now();
    const version = this.#table.version;
    try {
      const found = await takeSteps(collect(this.#table), everyTurn(TURN_MS));
      this.#apps = await sortInTurns(found, byName, TURN_MS);
      this.#version = version;
    } finally {
      const tookMs = this.#now() - startedMs;
      this.#dueMs = this.#now() + Math.max(MIN_PAUSE_MS, SHARE * tookMs);
      this.#building = undefined;
    }
  }
}

function* collect(table: DirectoryTable): Generator<void, ListedApp[], void> {
  const found: ListedApp[] = [];
  for (const instances of table.apps()) {
    const spaces = new Set<string>();
    for (const { app } of instances) {
      if (spaces.has(app.spaceId)) continue;
      spaces.add(app.spaceId);
      found.push({ ...app, text: searchText(app) });
    }
    yield;
  }
  return found;
}

/** The text that a search looks through. */
export function searchText(app: AppIdentity): string {
  const { organizationName, spaceName, appName, appId } = app;
  return `${organizationName}/${spaceName}/${appName} ${appId}`.toLowerCase();
}

function byName(a: ListedApp, b: ListedApp): number {
  return (
    compareText(a.organizationName, b.organizationName) ||
    compareText(a.spaceName, b.spaceName) ||
    compareText(a.appName, b.appName) ||
    compareText(a.appId, b.appId) ||
    compareText(a.spaceId, b.spaceId)
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
